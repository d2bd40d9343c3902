"""Expected failures, as one line with the remedy on stderr and exit code 2.

Add here: an error that the person at the terminal can do something about. Not here: bugs, which keep their traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from confluent_kafka import KafkaException


class Failure(click.ClickException):
    """An expected failure."""

    exit_code = 2


@contextmanager
def exit_with_remedy() -> Iterator[None]:
    """Turn errors that name a remedy into a message; let all others through."""
    try:
        yield
    except KafkaException as error:
        raise Failure(f"Kafka refused: {error.args[0].str()}") from error
    except Exception as error:
        if isinstance(error, _foreseen()):
            raise Failure(str(error)) from error
        raise


def _foreseen() -> tuple[type[Exception], ...]:
    # Imported only when something went wrong: these modules take a second.
    from assets.archive.month_files import ArchiveFileError
    from assets.bronze.bronze import OffsetsLostError
    from assets.events.csv_header import BrokenFileError
    from resources.duckdb_engine import SqlError
    from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
    from resources.kafka_writer import UndecidedTransactionError
    from resources.lake_table import LakeError
    from resources.schema_registry import RegistryError
    from salesinsights_dagster.broker import BrokerError
    from salesinsights_dagster.commands.backfill import MonthFailedError
    from salesinsights_dagster.dagster_process import DagsterStartError
    from salesinsights_dagster.settings import SettingsError

    return (
        ArchiveFileError,
        BrokenFileError,
        BrokerError,
        DagsterStartError,
        KafkaUnavailableError,
        LakeError,
        MonthFailedError,
        OffsetsLostError,
        RegistryError,
        SettingsError,
        SqlError,
        TopicMissingError,
        UndecidedTransactionError,
    )
