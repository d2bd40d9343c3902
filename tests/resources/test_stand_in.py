"""Days of a table that are written elsewhere and then exchanged."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError
from resources.stand_in import exchange, stand_in
from resources.table_layout import TableLayout

LAYOUT = TableLayout("silver/things", pl.Schema({"number": pl.Int64(), "day": pl.Date()}), ("day",))
FIRST, SECOND = date(2019, 10, 1), date(2019, 10, 2)


def things(*numbers: int, day: date = FIRST) -> pl.DataFrame:
    return pl.DataFrame({"number": numbers, "day": [day] * len(numbers)}, schema=LAYOUT.schema)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "a lake"))
    for number in range(3):
        lake.table(LAYOUT).append(things(number), {})
    lake.table(LAYOUT).append(things(7, day=SECOND), {})
    return lake


def held(lake: Lake) -> list[tuple[int, date]]:
    return sorted(lake.table(LAYOUT).read().rows())


def test_a_day_is_exchanged_and_the_others_stay(lake: Lake) -> None:
    with stand_in(lake, LAYOUT) as other:
        other.append(things(4, 5), {})
        other.append(things(6), {})
        exchange(lake.table(LAYOUT), other, [FIRST], {"done": 3})

    assert held(lake) == [(4, FIRST), (5, FIRST), (6, FIRST), (7, SECOND)]
    assert lake.table(LAYOUT).progress("done") == 3
    assert lake.table(LAYOUT).files()["min.number"].sort().to_list() == [4, 6, 7]


def test_a_row_that_was_replaced_in_the_stand_in_is_gone(lake: Lake) -> None:
    with stand_in(lake, LAYOUT) as other:
        other.append(things(4), {})
        other.replace(things(5), "number >= 4", {})
        exchange(lake.table(LAYOUT), other, [FIRST], {})

    assert held(lake) == [(5, FIRST), (7, SECOND)]


@pytest.mark.parametrize("what", ["append", "compact"])
def test_whatever_was_committed_meanwhile_refuses_the_exchange(lake: Lake, what: str) -> None:
    table = lake.table(LAYOUT)
    if what == "append":
        lake.table(LAYOUT).append(things(8), {})
    else:
        lake.table(LAYOUT).compact([FIRST])
    before, files = held(lake), sorted(Path(lake.uri(LAYOUT)).rglob("*.parquet"))

    with stand_in(lake, LAYOUT) as other:
        other.append(things(4), {})
        with pytest.raises(ConcurrentCommitError):
            exchange(table, other, [FIRST], {})

    assert held(lake) == before
    assert sorted(Path(lake.uri(LAYOUT)).rglob("*.parquet")) == files


@pytest.mark.parametrize("method", ["create_write_transaction", "update_incremental"])
def test_an_exchange_that_happened_and_was_called_refused_keeps_its_files(
    lake: Lake, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that is sent twice finds its own place taken; and a table may be purged right after it."""
    done = getattr(DeltaTable, method)

    def refused(*arguments: object, **named: object) -> None:
        done(*arguments, **named)
        raise CommitFailedError("a commit of this number exists already")

    with stand_in(lake, LAYOUT) as other:
        other.append(things(4), {})
        table = lake.table(LAYOUT)
        monkeypatch.setattr(DeltaTable, method, refused)
        with pytest.raises(ConcurrentCommitError):
            exchange(table, other, [FIRST], {})
        monkeypatch.undo()

    assert held(lake) == [(4, FIRST), (7, SECOND)]


def test_an_empty_stand_in_empties_the_day(lake: Lake) -> None:
    with stand_in(lake, LAYOUT) as other:
        exchange(lake.table(LAYOUT), other, [FIRST, date(2019, 10, 3)], {})

    assert held(lake) == [(7, SECOND)]


def test_what_a_killed_process_left_is_removed(lake: Lake) -> None:
    abandoned = lake.scratch / "stand-in-abandoned"
    abandoned.mkdir(parents=True)
    (lake.scratch / "stand-in-abandoned.lock").touch()

    with stand_in(lake, LAYOUT):
        assert not abandoned.exists()
