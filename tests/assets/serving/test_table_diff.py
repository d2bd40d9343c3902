from pathlib import Path

import polars as pl
import pytest

from assets.serving.table_diff import changes_since, version_of
from assets.tables import CUSTOMER_VALUE, PRODUCT_SALES
from resources.lake import Lake
from resources.table_layout import TableLayout
from tests.assets.gold.gold_states import GoldStates


@pytest.fixture
def gold(lake: Lake) -> GoldStates:
    states = GoldStates(lake, seed=7)
    for _ in range(4):
        states.move()
    return states


@pytest.mark.parametrize("layout", [PRODUCT_SALES, CUSTOMER_VALUE])
def test_the_changes_make_the_new_version_of_the_old_one(lake: Lake, gold: GoldStates, layout: TableLayout) -> None:
    keys = layout.key
    gone = 0
    for _ in range(12):
        before = lake.table(layout)
        old, mark = before.read(), version_of(before)
        gold.move()
        after = lake.table(layout)

        changes = changes_since(lake, after, mark)

        assert changes is not None
        kept = old.join(changes.gone, on=keys, how="anti").join(changes.rows, on=keys, how="anti")
        assert kept.vstack(changes.rows).sort(keys).equals(after.read().sort(keys))
        assert changes.rows.join(old, on=list(layout.schema), how="semi", nulls_equal=True).is_empty()
        gone += changes.gone.height
    assert gone > 0


def test_rows_that_are_only_stored_again_are_no_changes(lake: Lake, gold: GoldStates) -> None:
    table = lake.table(PRODUCT_SALES)
    mark = version_of(table)
    table.replace(table.read(), None, {})

    changes = changes_since(lake, lake.table(PRODUCT_SALES), mark)

    assert version_of(lake.table(PRODUCT_SALES)) != mark
    assert changes is not None
    assert (changes.rows.height, changes.gone.height) == (0, 0)


def test_only_files_that_one_version_has_are_read(lake: Lake, gold: GoldStates) -> None:
    table = lake.table(PRODUCT_SALES)
    before, mark = lake.table(PRODUCT_SALES), version_of(table)
    day = table.read()["event_date"][0]
    moved = table.read(PRODUCT_SALES.on_days([day])).with_columns(units=pl.lit(77, pl.Int64))
    table.replace(moved, PRODUCT_SALES.on_days([day]), {})
    kept = set(before.file_uris()) & set(table.file_uris())
    assert kept
    for file in kept:
        Path(file).unlink()

    changes = changes_since(lake, table, mark)

    assert changes is not None
    assert changes.rows.sort("window_start", "product_id").equals(moved.sort("window_start", "product_id"))


def test_a_version_that_is_gone_can_not_be_compared(lake: Lake, gold: GoldStates) -> None:
    mark = version_of(lake.table(PRODUCT_SALES))
    gold.move()
    lake.table(PRODUCT_SALES).purge()

    assert changes_since(lake, lake.table(PRODUCT_SALES), mark) is None


def test_a_number_that_names_other_rows_can_not_be_compared(lake: Lake, gold: GoldStates) -> None:
    """As after a repair that removed the last commit of a table."""
    gold.move()
    mark = version_of(lake.table(PRODUCT_SALES))
    log = Path(lake.uri(PRODUCT_SALES)) / "_delta_log"
    for lost in log.glob(f"{mark.version:020}*"):
        lost.unlink()
    gold.move()
    again = lake.table(PRODUCT_SALES)

    assert again.version == mark.version
    assert changes_since(lake, again, mark) is None


def test_a_mark_names_the_columns_too(lake: Lake, gold: GoldStates) -> None:
    table = lake.table(PRODUCT_SALES)
    mark = version_of(table)
    table.layout = TableLayout(PRODUCT_SALES.name, pl.Schema({**PRODUCT_SALES.schema, "more": pl.Int64()}))

    assert version_of(table).version == mark.version
    assert version_of(table) != mark


def test_a_version_that_lost_its_files_is_gone_like_one_that_is_not_kept(lake: Lake, gold: GoldStates) -> None:
    before = lake.table(PRODUCT_SALES)
    lake.table(PRODUCT_SALES).replace(before.read(), None, {})
    for file in before.file_uris():
        Path(file).unlink()

    assert changes_since(lake, lake.table(PRODUCT_SALES), version_of(before)) is None
