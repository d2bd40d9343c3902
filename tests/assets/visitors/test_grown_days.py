"""Days that grow: taken in bit by bit, a day equals, in every column, the day computed as a whole."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.progress.batches import BATCH, batch_of
from assets.progress.source_fingerprints import rebuilt_again
from assets.tables import FUNNEL_DAILY, SESSIONS, SILVER_EVENTS, USER_DAYS, VISITOR_TABLES
from assets.tables.sql_views import sql_session
from assets.visitors import appended_events, daily_tables, day_index
from assets.visitors.daily_tables import any_stale, refresh_days, stale_days
from assets.visitors.whole_days import whole_days
from resources import slices
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from tests.campaign import tries
from tests.faults.interleaving import crash_before
from tests.lakes import rows

FIRST = datetime(2019, 12, 30, tzinfo=UTC)
NAMES = {USER_DAYS.name: "user_days", SESSIONS.name: "silver_sessions", FUNNEL_DAILY.name: "funnel_daily"}


def events(seed: int, count: int = 300, days: float = 2.5) -> pl.DataFrame:
    """Silver of a few users who come back, over midnight too; some visits have no name, or one that users share."""
    chance = random.Random(seed)
    made = []
    at = {user: FIRST + timedelta(days=chance.random() * days) for user in range(12)}
    for number in range(count):
        user, product = chance.randrange(12), chance.randrange(9)
        at[user] += timedelta(seconds=chance.choice([1, 60, 900, 1_800, 1_801, 9_000]))
        made.append(
            {
                "event_time": at[user],
                "event_type": chance.choice(["view", "view", "cart", "remove_from_cart", "purchase"]),
                "product_id": product,
                "category_id": chance.choice([None, product % 3]),
                "category_code": chance.choice([None, "care", "nails"]),
                "brand": chance.choice([None, f"brand {product % 4}"]),
                "price": f"{chance.randint(-5, 900) * (-1 if number % 5 == 0 else 1) / 100:.2f}",
                "user_id": user,
                "user_session": chance.choice([None, "shared", f"visit {user}"]),
                "offset": number,
                "event_date": at[user].date(),
            }
        )
    known = pl.DataFrame(made, schema_overrides={"category_id": pl.Int64, "category_code": pl.String})
    missing = [pl.lit(None, kind).alias(name) for name, kind in SILVER_EVENTS.schema.items() if name not in known]
    return known.with_columns(missing).select(SILVER_EVENTS.schema.names()).cast(SILVER_EVENTS.schema)


def bring(lake: Lake, some: pl.DataFrame) -> int:
    """Add events to silver as one batch; its number."""
    silver = lake.table(SILVER_EVENTS)
    number = batch_of(silver) + 1
    read_at = pl.lit(FIRST + timedelta(days=9, minutes=number)).cast(SILVER_EVENTS.schema["ingested_at"])
    silver.append(some.with_columns(batch=pl.lit(number, pl.Int64), ingested_at=read_at), {BATCH: number})
    return number


def follow(lake: Lake) -> None:
    for layout in VISITOR_TABLES:
        list(refresh_days(lake, layout))


def at_once(lake: Lake, layout: TableLayout) -> pl.DataFrame:
    silver = lake.table(SILVER_EVENTS)
    days = sorted(set(silver.files()["partition.event_date"]))
    return pl.concat(whole_days(silver, layout, days))


def assert_as_at_once(lake: Lake) -> None:
    for layout in VISITOR_TABLES:
        names = [name for name, kind in layout.schema.items() if not isinstance(kind, pl.List)]
        expected = at_once(lake, layout).select(layout.schema.names()).sort(names)
        assert_frame_equal(rows(lake, layout), expected)
        with sql_session(lake) as connection:
            seen = query(connection, f"SELECT * FROM {NAMES[layout.name]}")
        assert_frame_equal(seen.cast(layout.schema).sort(names), expected)


def shuffled(seed: int, parts: int = 4) -> Iterator[pl.DataFrame]:
    """The events out of order, in parts of very different sizes, each with a late one."""
    mixed = events(seed).sample(fraction=1, shuffle=True, seed=seed)
    first = mixed.head(mixed.height // 2)
    rest = mixed.tail(-first.height).sort("event_time")
    late = rest.gather_every(7)
    yield first
    for part in range(parts):
        yield pl.concat([rest.join(late, on="offset", how="anti")[part::parts], late[part::parts]])


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[list[date]]:
    """Collects the days that are computed as a whole."""
    seen: list[list[date]] = []
    made = whole_days

    def heard(silver: LakeTable, layout: TableLayout, days: list[date]) -> Iterator[pl.DataFrame]:
        seen.append(list(days))
        return made(silver, layout, days)

    monkeypatch.setattr(daily_tables, "whole_days", heard)
    return seen


@pytest.mark.parametrize("seed", range(tries(2, 50)))
def test_what_is_taken_in_bit_by_bit_is_what_one_computation_says(
    lake: Lake, seed: int, wholes: list[list[date]]
) -> None:
    for number, part in enumerate(shuffled(seed)):
        bring(lake, part)
        follow(lake)
        if number == 0:
            wholes.clear()
    busy = {(FIRST + timedelta(days=day)).date() for day in (1, 2)}
    assert busy.isdisjoint(day for days in wholes for day in days), "a day that had only grown was computed as a whole"

    assert_as_at_once(lake)
    assert not any_stale(lake)


def test_so_it_is_in_steps_without_an_index_and_in_slices(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appended_events, "STEP_ROWS", 1)
    monkeypatch.setattr(appended_events, "INDEXED_DAYS", 0)
    first, *others = shuffled(7)
    bring(lake, first)
    with monkeypatch.context() as small:
        for name, size in {"SLICE": 40, "PIECE": 30, "READ_AT_ONCE": 50}.items():
            small.setattr(slices, name, size)
        follow(lake)
    for part in others:
        bring(lake, part)
    follow(lake)

    assert_as_at_once(lake)
    assert list(lake.scratch.rglob("*.npy")) == []


def test_the_index_follows_lost_files_and_rows_that_were_replaced(lake: Lake) -> None:
    first, second, third, *_ = shuffled(3)
    bring(lake, first)
    follow(lake)
    bring(lake, second)
    follow(lake)
    assert list(lake.scratch.rglob("*.npy"))
    day_index.drop_indexes(lake)
    bring(lake, third)
    follow(lake)
    assert_as_at_once(lake)
    silver, day = lake.table(SILVER_EVENTS), FIRST.date()
    kept = silver.read(SILVER_EVENTS.on_days([day])).filter(pl.col("offset") % 3 > 0)
    silver.replace(kept, SILVER_EVENTS.on_days([day]), rebuilt_again(silver, [day]))
    follow(lake)
    bring(lake, first.filter(event_date=day, user_id=1))
    follow(lake)

    assert_as_at_once(lake)


def test_rows_that_silver_lost_without_a_mark_are_missed_when_the_next_batch_comes(lake: Lake) -> None:
    """New events are not added to what the table has seen, and the index that still holds the lost rows is not used."""
    day = (FIRST + timedelta(days=2)).date()
    first, second, third, fourth, *_ = shuffled(8)
    for some in (first, second):
        bring(lake, some)
        follow(lake)
    silver = lake.table(SILVER_EVENTS)
    user = fourth.filter(event_date=day)["user_id"][0]
    kept = silver.read(SILVER_EVENTS.on_days([day])).filter((pl.col("user_id") != user) | (pl.col("offset") % 2 > 0))
    silver.replace(kept, SILVER_EVENTS.on_days([day]), {})
    for some in (third, fourth):
        bring(lake, some)
        follow(lake)

        assert_as_at_once(lake)


def test_days_that_are_over_keep_one_row_in_the_place_of_superseded_ones(lake: Lake) -> None:
    for part in shuffled(5):
        bring(lake, part)
        follow(lake)
    assert lake.table(USER_DAYS).rows > rows(lake, USER_DAYS).height
    before = {layout.name: rows(lake, layout) for layout in VISITOR_TABLES}

    tomorrow = events(6, count=20, days=0.1).with_columns(pl.col("event_time") + timedelta(days=5))
    bring(lake, tomorrow.with_columns(event_date=pl.col("event_time").dt.date()))
    follow(lake)

    for layout in (USER_DAYS, SESSIONS):
        assert lake.table(layout).rows == rows(lake, layout).height
        assert lake.table(layout).superseded_from is None
        held = before[layout.name]
        assert held.join(rows(lake, layout), on=held.columns, how="anti", nulls_equal=True).is_empty()
    assert_as_at_once(lake)


def test_a_day_that_is_over_is_read_before_it_is_written(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delta Lake can't look into a log during a write: on a busy machine, where the write came first, both waited."""
    for part in shuffled(5, parts=1):
        bring(lake, part)
        follow(lake)
    tomorrow = events(6, count=20, days=0.1).with_columns(pl.col("event_time") + timedelta(days=5))
    bring(lake, tomorrow.with_columns(event_date=pl.col("event_time").dt.date()))
    steps: list[str] = []
    replace, read = LakeTable.replace, LakeTable.read

    def replaced(table: LakeTable, *rows: object) -> None:
        steps.append("write")
        replace(table, *rows)  # type: ignore[arg-type]
        steps.append("written")

    def looked(table: LakeTable, *what: object, **more: object) -> pl.DataFrame:
        steps.append("read")
        return read(table, *what, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(LakeTable, "replace", replaced)
    monkeypatch.setattr(LakeTable, "read", looked)

    daily_tables.settle(lake, USER_DAYS)

    assert steps == ["read", "write", "written"] * (len(steps) // 3)
    assert steps
    assert lake.table(USER_DAYS).superseded_from is None


@pytest.mark.parametrize("layout", VISITOR_TABLES, ids=lambda layout: layout.name)
@pytest.mark.parametrize("write", ["append", "replace"])
def test_a_look_that_is_killed_before_a_commit_is_made_good_by_the_next(
    lake: Lake, layout: TableLayout, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late event moves the start of a session to the day before: the session leaves its day and joins that one."""
    evening = events(1, count=1).with_columns(event_time=pl.lit(FIRST + timedelta(hours=23, minutes=50)))
    night = evening.with_columns(event_time=pl.col("event_time") + timedelta(minutes=20))
    others = events(2)
    dated = [
        one.with_columns(pl.col("event_time").cast(SILVER_EVENTS.schema["event_time"])) for one in (evening, night)
    ]
    late, early = (one.with_columns(event_date=pl.col("event_time").dt.date()) for one in dated)
    bring(lake, pl.concat([others, early]))
    follow(lake)
    bring(lake, late)
    with monkeypatch.context() as patch:
        if not (layout is FUNNEL_DAILY and write == "append") and not (layout is USER_DAYS and write == "replace"):
            crash_before(patch, LakeTable, write, lambda: list(refresh_days(lake, layout)))
            assert stale_days(lake, layout)

    follow(lake)

    assert_as_at_once(lake)


def test_a_replay_changes_no_table(lake: Lake) -> None:
    for part in shuffled(4):
        bring(lake, part)
    follow(lake)
    versions = [lake.table(layout).version for layout in VISITOR_TABLES]

    follow(lake)

    assert [lake.table(layout).version for layout in VISITOR_TABLES] == versions
