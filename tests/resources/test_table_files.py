from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from resources.lake import Lake
from resources.lake_errors import LakeError, VersionGoneError
from resources.lake_table import LakeTable
from resources.table_files import rows_of, rows_that_differ
from resources.table_layout import TableLayout

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
SCHEMA = pl.Schema({"user_id": pl.Int64(), "name": pl.String(), "event_date": pl.Date()})
EVENTS = TableLayout("silver/events", SCHEMA, ("event_date",))
COLUMNS = ["user_id", "name", "event_date"]


def rows(*found: tuple[int, str | None, date]) -> pl.DataFrame:
    return pl.DataFrame(list(found), schema=SCHEMA, orient="row")


@pytest.fixture(params=["lake", "a lake, 100 % é"])
def table(tmp_path: Path, request: pytest.FixtureRequest) -> LakeTable:
    return Lake(str(tmp_path / request.param)).table(EVENTS)


def test_the_wanted_rows_of_the_wanted_days_are_found(table: LakeTable) -> None:
    table.append(rows((1, "a", MONDAY), (2, "b", MONDAY), (1, "c", TUESDAY)), {})
    table.append(rows((1, None, MONDAY), (3, "d", MONDAY)), {})

    found = rows_of(table, "user_id", pl.Series([1, 3, 9]), [MONDAY], COLUMNS)

    assert_frame_equal(found.sort(COLUMNS), rows((1, None, MONDAY), (1, "a", MONDAY), (3, "d", MONDAY)))


def test_nothing_wanted_or_held_is_nothing_with_its_columns(table: LakeTable) -> None:
    assert rows_of(table, "user_id", pl.Series([1]), [MONDAY], ["name"]).schema == {"name": pl.String()}
    table.append(rows((1, "a", MONDAY)), {})
    assert rows_of(table, "user_id", pl.Series([], dtype=pl.Int64), [MONDAY], COLUMNS).is_empty()


def test_a_column_that_older_files_have_not_is_null(tmp_path: Path) -> None:
    older = TableLayout("silver/events", pl.Schema({"user_id": pl.Int64(), "event_date": pl.Date()}), ("event_date",))
    Lake(str(tmp_path)).table(older).append(rows((1, "x", MONDAY)).drop("name"), {})
    table = Lake(str(tmp_path)).table(EVENTS)
    table.append(rows((1, "new", MONDAY)), {})

    found = rows_of(table, "user_id", pl.Series([1]), [MONDAY], COLUMNS)

    assert_frame_equal(found.sort(COLUMNS), rows((1, None, MONDAY), (1, "new", MONDAY)))


def test_only_what_differs_between_two_versions_is_read(table: LakeTable) -> None:
    table.append(rows((1, "a", MONDAY), (2, "b", MONDAY)), {})
    table.append(rows((1, "c", TUESDAY)), {})
    before = LakeTable(EVENTS, DeltaTable(str(table.folder)))
    table.replace(rows((2, "changed", MONDAY)), "event_date = DATE '2026-11-23' AND user_id = 2", {})

    old, new = rows_that_differ(before, table)

    assert_frame_equal(old.sort(COLUMNS), rows((1, "a", MONDAY), (2, "b", MONDAY)))
    assert_frame_equal(new.sort(COLUMNS), rows((1, "a", MONDAY), (2, "changed", MONDAY)))


def test_a_version_that_lost_a_file_is_gone(table: LakeTable) -> None:
    table.append(rows((1, "a", MONDAY)), {})
    before = LakeTable(EVENTS, DeltaTable(str(table.folder)))
    table.replace(rows((1, "b", MONDAY)), None, {})
    for file in before.file_uris():
        Path(file).unlink()

    with pytest.raises(VersionGoneError):
        rows_that_differ(before, table)


def test_a_file_without_content_is_an_error_that_names_the_way_on(table: LakeTable, tmp_path: Path) -> None:
    table.append(rows((1, "a", MONDAY)), {})
    for file in tmp_path.rglob("*.parquet"):
        file.write_bytes(b"")

    with pytest.raises(LakeError, match="salesinsights repair"):
        rows_of(table, "user_id", pl.Series([1]), [MONDAY], COLUMNS)
