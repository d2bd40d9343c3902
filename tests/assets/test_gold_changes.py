from pathlib import Path

import polars as pl
import pytest

from assets.gold_changes import KEYS, changes_since, mark_of
from assets.tables import CUSTOMER_VALUE, PRODUCT_SALES
from resources.lake import Lake, LakeTable, TableLayout
from tests.assets.gold_states import GoldStates


@pytest.fixture
def gold(lake: Lake) -> GoldStates:
    states = GoldStates(lake, seed=7)
    for _ in range(4):
        states.move()
    return states


@pytest.mark.parametrize("layout", [PRODUCT_SALES, CUSTOMER_VALUE])
def test_the_changes_make_the_new_version_of_the_old_one(lake: Lake, gold: GoldStates, layout: TableLayout) -> None:
    keys = KEYS[layout.name]
    gone = 0
    for _ in range(12):
        before = lake.table(layout)
        old, mark = before.read(), mark_of(before)
        gold.move()
        after = lake.table(layout)

        changes = changes_since(lake, after, mark)

        assert changes is not None
        kept = old.join(changes.gone, on=keys, how="anti").join(changes.rows, on=keys, how="anti")
        assert kept.vstack(changes.rows).sort(keys).equals(after.read().sort(keys))
        assert changes.rows.join(old, on=list(layout.schema), how="semi", nulls_equal=True).is_empty()
        gone += changes.gone.height
    assert gone > 0


def test_rows_that_are_only_stored_anew_are_no_changes(lake: Lake, gold: GoldStates) -> None:
    table = lake.table(PRODUCT_SALES)
    mark = mark_of(table)
    table.replace(table.read(), None, {})

    changes = changes_since(lake, lake.table(PRODUCT_SALES), mark)

    assert mark_of(lake.table(PRODUCT_SALES)) != mark
    assert changes is not None
    assert (changes.rows.height, changes.gone.height) == (0, 0)


def test_only_days_with_other_files_are_read(lake: Lake, gold: GoldStates, monkeypatch: pytest.MonkeyPatch) -> None:
    table = lake.table(PRODUCT_SALES)
    mark = mark_of(table)
    day = table.read()["event_date"][0]
    table.replace(table.read(PRODUCT_SALES.on_days([day])), PRODUCT_SALES.on_days([day]), {})
    asked: list[str | None] = []
    read = LakeTable.read

    def noted(table: LakeTable, where: str | None = None) -> pl.DataFrame:
        asked.append(where)
        return read(table, where)

    monkeypatch.setattr(LakeTable, "read", noted)

    changes_since(lake, table, mark)

    assert asked == [PRODUCT_SALES.on_days([day])] * 2


def test_a_version_that_is_gone_can_not_be_compared(lake: Lake, gold: GoldStates) -> None:
    mark = mark_of(lake.table(PRODUCT_SALES))
    gold.move()
    lake.table(PRODUCT_SALES).purge()

    assert changes_since(lake, lake.table(PRODUCT_SALES), mark) is None


def test_a_number_that_names_other_rows_can_not_be_compared(lake: Lake, gold: GoldStates) -> None:
    """As after a repair that took away the last commit of a table."""
    gold.move()
    mark = mark_of(lake.table(PRODUCT_SALES))
    log = Path(lake.uri(PRODUCT_SALES)) / "_delta_log"
    for lost in log.glob(f"{mark.version:020}*"):
        lost.unlink()
    gold.move()
    again = lake.table(PRODUCT_SALES)

    assert again.version == mark.version
    assert changes_since(lake, again, mark) is None


def test_a_mark_names_the_columns_too(lake: Lake, gold: GoldStates) -> None:
    table = lake.table(PRODUCT_SALES)
    mark = mark_of(table)
    table.layout = TableLayout(PRODUCT_SALES.name, pl.Schema({**PRODUCT_SALES.schema, "more": pl.Int64()}))

    assert mark_of(table).version == mark.version
    assert mark_of(table) != mark
