"""The definitions of the tables fit together, and their descriptions are true where rows can show it."""

import re

import pytest

from assets.events.contract import EXTRA
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, DAILY, PRODUCT_SALES, PRODUCT_SALES_DAILY, TABLES
from assets.tables.column_descriptions import SHARED
from assets.tables.table import Table
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

OUTSIDE = {"kafka/shop_events", "archive/files"}
NAMED = {table.name: table for table in TABLES.values()}

LEANING = re.compile(r"\b(such(?! as)|anew|those of them|of those|the same(?! second))\b")
"""What a description says that can't be understood by itself."""

each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@each_table
def test_a_key_is_made_of_columns(table: Table) -> None:
    assert set(table.key) <= set(table.schema)
    assert set(table.partition_by) <= set(table.schema)


@each_table
def test_what_a_table_is_made_from_exists(table: Table) -> None:
    assert set(table.made_from) <= NAMED.keys() | OUTSIDE


@each_table
def test_lineage_goes_from_columns_to_columns_of_the_first_source(table: Table) -> None:
    known = {name for source in table.made_from[:1] if source in NAMED for name in NAMED[source].schema}
    for column, sources in table.lineage.items():
        if column in table.schema:
            assert set(sources) & known, column


@each_table
def test_each_column_is_described_once(table: Table) -> None:
    assert table.columns.keys() <= set(table.schema)
    undescribed = {column for column in table.schema if column not in table.columns and column not in SHARED}
    assert undescribed == set(table.schema) & set(EXTRA) - table.columns.keys()
    assert not any(table.columns[column] == SHARED.get(column) for column in table.columns)


def test_a_shared_description_is_of_several_tables() -> None:
    using = {name: [t for t in TABLES.values() if name in t.schema and name not in t.columns] for name in SHARED}

    assert {name for name, tables in using.items() if len(tables) < 2} == set()


@each_table
def test_a_description_stands_alone(table: Table) -> None:
    for text in (table.description, *map(table.describe, table.schema)):
        assert not LEANING.search(text), text


def test_a_return_is_no_order_and_no_unit_and_makes_no_buyer(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(price=-3.0)])

    run(lake, stream)

    (sale,) = rows(lake, PRODUCT_SALES).to_dicts()
    assert (sale["units"], sale["orders"], sale["buyers"], sale["revenue"] + sale["refunds"]) == (0, 0, 0, 0)
    assert all("return" in PRODUCT_SALES.describe(column) for column in ("orders", "buyers"))
    assert rows(lake, CUSTOMER_DAYS)["orders"].to_list() == rows(lake, PRODUCT_SALES_DAILY)["orders"].to_list() == [0]
    assert rows(lake, CUSTOMER_DAYS).select("first_order_at", "last_order_at").row(0) == (None, None)


def test_rows_are_one_per_key(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    seconds = [event(event_time=f"2019-10-01 00:00:{second:02} UTC", user_id=second % 3) for second in range(60)]
    mock_kafka.publish(topic, [*seconds, *seconds, b"junk"])

    run(lake, stream)

    for name in ("bronze_events", "silver_events", "silver_quarantine", "silver_batches"):
        held = rows(lake, TABLES[name])
        assert held.height == held.select(TABLES[name].key).n_unique() > 0
    for table in DAILY:
        held = rows(lake, table)
        assert held.height == held.select(table.key).n_unique() > 0
