"""Expected failures, as one line with the remedy on stderr.

Add here: how they are shown. Not here: which they are (those that derive from `ForeseenError`), or bugs, which keep
their traceback.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import click
from confluent_kafka import KafkaException

from resources.foreseen_error import ForeseenError

_OF_THE_PLACE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}
"""What a system says of a file or folder that somebody chose, and who runs the command can change."""


class Failure(click.ClickException):
    """An expected failure of a command."""

    exit_code = ForeseenError.exit_code


@contextmanager
def exit_with_remedy() -> Iterator[None]:
    """Turn errors that name a remedy into a message and their exit code; let all others through."""
    try:
        yield
    except KafkaException as error:
        raise Failure(f"Kafka refused: {error.args[0].str()}") from error
    except OSError as error:
        if error.errno not in _OF_THE_PLACE or not error.filename:
            raise
        raise Failure(
            f"{error.filename}: {error.strerror}. Choose another place, or make this one writable for you, with space"
        ) from error
    except ForeseenError as error:
        Failure(str(error)).show()
        raise click.exceptions.Exit(error.exit_code) from error
