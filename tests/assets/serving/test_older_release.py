"""A lake of an older release works as a whole before its first new batch, and its copies gain the new columns."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from assets.customers.customer_value import refresh_customer_value
from assets.gold.restatements import record_restatements
from assets.serving.duckdb_file import SERVED, publish_serving
from assets.serving.postgres_replica import PostgresReplica
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    DAILY,
    PREDICTED,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    TABLES,
)
from assets.tables.sql_views import sql_session
from assets.tables.table import Table
from assets.upkeep.audit import audit
from assets.upkeep.proof import differences
from resources.duckdb_engine import query
from resources.lake import Lake, OpenTables
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.view import View
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.assets.serving.postgres_copies import ask, assert_equal, copy, server
from tests.conftest import event
from tests.lakes import run
from tests.older_lakes import take_away
from tests.resources.mock_kafka import MockKafka

__all__ = ["copy", "server"]

NOW = datetime(2019, 10, 2, tzinfo=UTC)
PROVED = (*DAILY, SILVER_PURCHASES, SILVER_EVENTS, BRONZE_EVENTS)

LATER: Sequence[tuple[Table, Sequence[str]]] = [
    (SILVER_EVENTS, ("event_id", "kafka_timestamp")),
    (SILVER_PURCHASES, ("kafka_timestamp",)),
    (SILVER_QUARANTINE, ("detail",)),
    (SILVER_BATCHES, ("lost",)),
    (PRODUCT_SALES, ("refunds", "buyers")),
    (PRODUCT_SALES_DAILY, ("refunds",)),
    (CUSTOMER_DAYS, ("units",)),
    (CUSTOMER_VALUE, (*PREDICTED, "is_active")),
]
"""Columns that the older release did not know."""


@pytest.fixture
def older(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    mock_kafka.publish(topic, [event(event_id="a"), event(user_id=2, price=-1), b"junk"])
    run(lake, stream)
    refresh_customer_value(lake)
    record_restatements(lake, NOW)
    return lake


def upgraded(lake: Lake, later: Sequence[tuple[Table, Sequence[str]]] = LATER) -> Lake:
    for table, columns in later:
        take_away(lake, table, columns)
    # The tests' clock runs ahead of the machine's.
    return Lake(lake.root, now=lambda: datetime(2100, 1, 1, tzinfo=UTC))


def assert_all_is_well(lake: Lake) -> None:
    with sql_session(lake) as connection:
        for name, table in TABLES.items():
            assert query(connection, f"SELECT * FROM {name}").schema == table.schema, name
    assert audit(lake).findings == []
    assert differences(OpenTables(lake, PROVED), date(2019, 10, 1), 45).rows() == []
    board = Board(lake, lambda: NOW, 45)
    board.look()
    assert board.error is None
    assert all(board.figures(View(name)) for name in SPANS)
    assert board.customers().count == 1  # the other one has only returned
    assert record_restatements(lake, NOW).is_complete


def test_everything_works_before_the_first_new_batch_and_after_it(
    older: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    lake = upgraded(older)
    assert_all_is_well(lake)

    mock_kafka.publish(topic, [event(event_id="b", price=7)])
    run(lake, stream)

    assert_all_is_well(lake)


def test_a_ledger_that_a_month_restated_is_judged_without_younger_columns(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    last, first = (f"{day} 10:00:00 UTC" for day in ("2019-10-31", "2019-11-01"))
    mock_kafka.publish(
        topic, [event(event_time=last, user_session="26dd6e6e"), event(event_time=first, event_id="ignored")]
    )
    run(lake, stream)
    lake = upgraded(lake, [(SILVER_EVENTS, ["event_id"])])
    put(tmp_path, [PURCHASE.replace("2019-10-01 00:00:00 UTC", last)])

    load(lake, tmp_path)

    assert lake.table(SILVER_EVENTS).read()["event_id"].to_list() == [None, None]
    assert audit(lake).findings == []


def test_the_duckdb_file_gains_the_columns(older: Lake, tmp_path: Path) -> None:
    publish_serving(upgraded(older), tmp_path / "serving.duckdb")

    with duckdb.connect(str(tmp_path / "serving.duckdb"), read_only=True) as connection:
        for table in SERVED:
            assert connection.sql(f"SELECT * FROM {table.sql_name}").columns == table.schema.names()


def test_the_tables_in_postgresql_gain_the_columns(older: Lake, copy: PostgresReplica) -> None:
    copy.catch_up(older, NOW)
    for table, columns in LATER:
        if table.is_served:
            dropped = ", ".join(f'DROP COLUMN "{column}"' for column in columns)
            ask(copy.url, f"ALTER TABLE salesinsights.{table.sql_name} {dropped}")
    ask(copy.url, "UPDATE salesinsights.copies SET fingerprint = 'of the older columns'")
    lake = upgraded(older)

    assert copy.is_behind(lake)
    copy.catch_up(lake, NOW)

    assert_equal(copy.url, lake)
    assert not copy.is_behind(lake)
