"""Expected failures, as one line with the remedy on stderr.

Add here: how they are shown. Not here: which they are (those that derive from `ForeseenError`), or bugs, which keep
their traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from confluent_kafka import KafkaException

from resources.foreseen_error import ForeseenError


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
    except ForeseenError as error:
        Failure(str(error)).show()
        raise click.exceptions.Exit(error.exit_code) from error
