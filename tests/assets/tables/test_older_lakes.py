"""A lake whose files lack columns is read by the tables' declared columns, before and after the first new row."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.tables import TABLES
from assets.tables.sql_views import sql_session
from assets.tables.table import Table
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.table_files import files_by_lacking, rows_of, rows_that_differ
from tests.older_lakes import take_away

NARROW = [table for table in TABLES.values() if len(table.schema) <= 32]
"""Delta Lake counts the nulls of 32 columns. Of wider tables, which have few files, each file is opened."""

each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def row(table: Table, number: int) -> pl.DataFrame:
    """A row of the table in which every column has a value, and `number` is in its key."""
    values: dict[type[pl.DataType], object] = {
        pl.Int32: number,
        pl.Int64: number,
        pl.Float64: float(number),
        pl.String: str(number),
        pl.Binary: b"x",
        pl.Boolean: True,
        pl.Date: date(2026, 11, 1),
        pl.Datetime: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number),
        pl.Decimal: Decimal(number),
        pl.List: [],
    }
    return pl.DataFrame([{name: values[type(kind)] for name, kind in table.schema.items()}], schema=table.schema)


def optional(table: Table) -> list[str]:
    """One column of each type that neither names a row nor its file: what a newer release might have added."""
    kept = {*table.key, *table.partition_by, *(table.superseding.columns if table.superseding else ())}
    by_type = {type(kind): name for name, kind in table.schema.items() if name not in kept}
    return list(by_type.values())


def older(lake: Lake, table: Table) -> Lake:
    """The lake as a release without the optional columns left it, with one row in the table."""
    lake.table(table).append(row(table, 1), {"batch": 1})
    take_away(lake, table, optional(table))
    return Lake(lake.root)


def by_sql(lake: Lake, table: Table) -> pl.DataFrame:
    with sql_session(lake, {table.sql_name: lake.table(table)}) as connection:
        return query(connection, f"SELECT * FROM {table.sql_name}")


def expected(table: Table, *numbers: int) -> pl.DataFrame:
    """The row with number 1 lacks what is optional; later rows have it."""
    nulls = [pl.lit(None, table.schema[name]).alias(name) for name in optional(table)]
    return pl.concat([row(table, 1).with_columns(nulls), *(row(table, number) for number in numbers)])


@each_table
def test_columns_that_no_file_has_are_null(lake: Lake, table: Table) -> None:
    lake = older(lake, table)

    assert_frame_equal(by_sql(lake, table), expected(table))
    assert_frame_equal(lake.table(table).read(), expected(table))
    assert_frame_equal(pl.concat(lake.table(table).stream(None, 10)), expected(table))


@each_table
def test_columns_that_some_files_have_are_null_in_the_others(lake: Lake, table: Table) -> None:
    lake = older(lake, table)
    lake.table(table).append(row(table, 2), {"batch": 2})

    assert_frame_equal(by_sql(lake, table), expected(table, 2), check_row_order=False)
    assert_frame_equal(lake.table(table).read(), expected(table, 2), check_row_order=False)


@each_table
def test_files_are_read_and_compared_by_the_declared_columns(lake: Lake, table: Table) -> None:
    lake = older(lake, table)
    before = lake.table(table)
    lake.table(table).append(row(table, 2), {"batch": 2})

    old, new = rows_that_differ(before, lake.table(table))

    assert_frame_equal(old, expected(table).clear())
    assert_frame_equal(new, row(table, 2))
    if "user_id" in table.schema and table.partition_by:
        found = rows_of(lake.table(table), "user_id", pl.Series([1]), [date(2026, 11, 1)], table.schema.names())
        assert_frame_equal(found, expected(table))


@each_table
def test_a_version_from_before_is_read_by_the_declared_columns(lake: Lake, table: Table) -> None:
    lake = older(lake, table)
    lake.table(table)

    assert_frame_equal(lake.table(table, version=1).read(), expected(table))
    assert_frame_equal(lake.table(table, version=1).read(columns=optional(table)), expected(table)[optional(table)])


@each_table
def test_compacted_files_have_every_column(lake: Lake, table: Table) -> None:
    lake = older(lake, table)
    lake.table(table).append(row(table, 2), {"batch": 2})

    lake.table(table).compact(lake.table(table).days if table.partition_by else [])

    assert list(files_by_lacking(lake.table(table))) == [()]
    assert_frame_equal(by_sql(lake, table), expected(table, 2), check_row_order=False)


@pytest.mark.parametrize("table", NARROW, ids=lambda table: table.sql_name)
def test_no_file_is_opened_to_learn_its_columns_where_none_was_added(
    lake: Lake, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.table(table).append(row(table, 1), {"batch": 1})
    monkeypatch.setattr(pl, "read_parquet_schema", lambda place: pytest.fail(f"{place} was opened"))

    assert list(files_by_lacking(lake.table(table))) == [()]
