"""Gold that followed batch by batch equals gold computed at once, with late and repeated events, in any pieces."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.gold import measures, touched_rows
from assets.gold.gold import advance_gold, rebuild_gold
from assets.gold.measures import measured
from assets.gold.touched_rows import where_touched
from assets.progress.batches import BATCH
from assets.tables import CUSTOMER_DAYS, DAILY, PRODUCT_SALES, PRODUCT_SALES_DAILY, REFINED, SILVER_PURCHASES
from resources.lake import Lake, OpenTables
from resources.lake_errors import ProgressMovedError
from tests.lakes import rows

MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
SEEDS = range(4)


def purchase(number: int, chance: random.Random, batch: int) -> dict[str, object]:
    """One of few products, users, visits and moments, over three days, so that all of them occur again."""
    return {
        "event_time": MIDNIGHT
        + timedelta(days=chance.randrange(3), seconds=45 * chance.randrange(4), microseconds=number),
        "product_id": chance.randrange(5),
        "brand": chance.choice([None, "a", "ä", "z"]),
        "price": chance.choice(["1.10", "0.00", "-2.50", "7.05"]),
        "user_id": chance.randrange(6),
        "user_session": chance.choice([None, "x", "y"]),
        "source": "shop.events",
        "kafka_timestamp": MIDNIGHT,
        "ingested_at": MIDNIGHT + timedelta(days=3, seconds=batch),
        "batch": batch,
    }


def purchases(chance: random.Random, batch: int, most: int = 30) -> pl.DataFrame:
    bought = [purchase(number, chance, batch) for number in range(chance.randrange(most))]
    shape = {**SILVER_PURCHASES.schema, "price": pl.String()}
    frame = pl.DataFrame(bought, schema=shape)
    return frame.with_columns(event_date=pl.col("event_time").dt.date()).cast(SILVER_PURCHASES.schema)


def append(lake: Lake, some: pl.DataFrame, batch: int) -> None:
    lake.table(SILVER_PURCHASES).append(some, {BATCH: batch})


def follow(lake: Lake) -> None:
    advance_gold(OpenTables(lake, REFINED), 45)


def assert_gold_is_whole(lake: Lake) -> None:
    due = measured(lake.table(SILVER_PURCHASES).read(), DAILY, 45)
    for layout in DAILY:
        order = list(layout.key)
        assert_frame_equal(rows(lake, layout).sort(order), due[layout.name].sort(order), check_row_order=True)


@pytest.fixture(params=["few", "many"])
def named_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few touched rows are named one by one; many by whole windows and days."""
    if request.param == "many":
        monkeypatch.setattr(touched_rows, "LONE_ROWS", 2)
        monkeypatch.setattr(touched_rows, "MOST_TERMS", 4)


@pytest.mark.usefixtures("named_rows")
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_by_batch_equals_at_once(lake: Lake, seed: int) -> None:
    chance = random.Random(seed)
    for batch in range(1, 9):
        append(lake, purchases(chance, batch), batch)
        if chance.random() < 0.6:
            follow(lake)
    follow(lake)

    assert_gold_is_whole(lake)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rebuilt_day_beside_batches_that_gold_has_not_followed(lake: Lake, seed: int) -> None:
    chance = random.Random(100 + seed)
    for batch in range(1, 6):
        append(lake, purchases(chance, batch), batch)
        if batch == 3:
            follow(lake)
    rebuild_gold(lake, DAILY, [MIDNIGHT.date()], 45)
    rebuild_gold(lake, [PRODUCT_SALES], [date(2026, 11, 26)], 45)
    follow(lake)

    assert_gold_is_whole(lake)


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_that_a_kill_left_at_different_batches_meet_again(lake: Lake, seed: int) -> None:
    chance = random.Random(200 + seed)
    append(lake, purchases(chance, 1), 1)
    follow(lake)
    append(lake, purchases(chance, 2), 2)
    before = {layout.name: lake.table(layout).read() for layout in (PRODUCT_SALES_DAILY, CUSTOMER_DAYS)}
    follow(lake)
    for name, held in before.items():
        layout = next(layout for layout in DAILY if layout.name == name)
        lake.table(layout).replace(held, None, {BATCH: 1})
    append(lake, purchases(chance, 3), 3)

    follow(lake)

    assert_gold_is_whole(lake)


@pytest.mark.parametrize("seed", SEEDS)
def test_sales_of_purchases_at_hand_before_the_tables_with_a_row_per_day(lake: Lake, seed: int) -> None:
    """As a run that stays does it: `product_sales` with (nearly) each batch, the others some batches later."""
    chance = random.Random(300 + seed)
    for batch in range(1, 9):
        tables, bought = OpenTables(lake, REFINED), purchases(chance, batch)
        tables.table(SILVER_PURCHASES).append(bought, {BATCH: batch})
        if chance.random() < 0.8:
            advance_gold(tables, 45, [PRODUCT_SALES], bought)
        if chance.random() < 0.3:
            follow(lake)
    follow(lake)

    assert_gold_is_whole(lake)


def test_purchases_at_hand_are_not_all_once_their_table_has_changed(lake: Lake) -> None:
    """One more of this batch, as a replay of quarantine adds it."""
    tables, bought = OpenTables(lake, REFINED), purchases(random.Random(1), 1)
    tables.table(SILVER_PURCHASES).append(bought[1:], {BATCH: 1})
    lake.table(SILVER_PURCHASES).replace(bought, None, {BATCH: 1})
    lake.table(PRODUCT_SALES).append(PRODUCT_SALES.schema.to_frame(), {BATCH: 0})

    advance_gold(tables, 45, [PRODUCT_SALES], bought[1:])
    follow(lake)

    assert_gold_is_whole(lake)


def test_following_again_changes_nothing(lake: Lake) -> None:
    append(lake, purchases(random.Random(1), 1), 1)
    follow(lake)
    versions = [lake.table(layout).version for layout in DAILY]

    follow(lake)

    assert [lake.table(layout).version for layout in DAILY] == versions


def test_a_run_that_another_one_has_overtaken_does_nothing(lake: Lake) -> None:
    append(lake, purchases(random.Random(1), 1), 1)
    late = OpenTables(lake, REFINED)
    append(lake, purchases(random.Random(2), 2), 2)
    follow(lake)
    before = {layout.name: rows(lake, layout) for layout in DAILY}

    late.refresh(DAILY)
    with pytest.raises(ProgressMovedError):
        advance_gold(late, 45)

    for layout in DAILY:
        assert_frame_equal(rows(lake, layout), before[layout.name])


def test_pieces_of_users_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    bought = pl.concat([purchases(chance, batch, 80) for batch in range(1, 6)])
    whole = measured(bought, DAILY, 45)

    monkeypatch.setattr(measures, "PIECE_ROWS", 20)
    in_pieces = measured(bought, DAILY, 45)

    for layout in DAILY:
        order = list(layout.key)
        assert_frame_equal(in_pieces[layout.name].sort(order), whole[layout.name].sort(order))


def test_a_late_sale_is_named_by_its_row_and_the_open_windows_by_their_time(lake: Lake) -> None:
    monday = pl.DataFrame(
        {
            "event_date": [MIDNIGHT.date()] * 31,
            "window_start": [MIDNIGHT] + [MIDNIGHT + timedelta(seconds=900)] * 30,
            "window_end": [MIDNIGHT + timedelta(seconds=45)] + [MIDNIGHT + timedelta(seconds=945)] * 30,
            "product_id": [7, *range(30)],
        }
    ).cast({name: PRODUCT_SALES.schema[name] for name in ("window_start", "window_end", "product_id")})
    table = lake.table(PRODUCT_SALES)
    assert where_touched(table, monday) == "event_date IN (DATE '2026-11-25')"
    full = {name: monday[name] if name in monday.columns else None for name in PRODUCT_SALES.schema}
    table.append(pl.DataFrame(full, schema=PRODUCT_SALES.schema), {})

    where = where_touched(table, monday)

    assert where.count("product_id IN (7)") == 1
    assert where.count("window_start >=") == 1
    assert table.read(where).height == 31
    assert table.read(where.replace("IN (7)", "IN (8)")).height == 30
