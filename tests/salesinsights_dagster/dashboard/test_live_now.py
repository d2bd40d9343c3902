"""Who is in the shop now, against a plain count of all events, however they arrive."""

import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from assets.stream.stream_assets import Stream
from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard import live_now
from salesinsights_dagster.dashboard.live_now import EVERY, LONGEST, STALE, LiveNow
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Happened:
    at: datetime
    kind: str
    user: int
    product: int
    price: Decimal


def counted(shown: LiveNow, lake: Lake, now: datetime) -> pl.DataFrame:
    found = shown.figures(lake, now)
    assert found is not None
    return found


def commit(lake: Lake, batch: int, events: Iterable[Happened]) -> None:
    """A batch in silver."""
    known = [
        {
            "event_time": one.at,
            "event_type": one.kind,
            "product_id": one.product,
            "price": one.price,
            "user_id": one.user,
            "batch": batch,
            "ingested_at": MIDNIGHT + batch * SECOND,
            "event_date": one.at.date(),
        }
        for one in events
    ]
    schema = SILVER_EVENTS.schema
    frame = pl.DataFrame(known, schema={name: schema[name] for name in known[0]})
    rest = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    lake.table(SILVER_EVENTS).append(frame.with_columns(rest).select(schema.names()), {"batch": batch})


def plainly(events: Sequence[Happened], now: datetime, minutes: int) -> dict[str, object]:
    """The figures of the last minutes, by their definition."""
    known = [one for one in events if one.at <= now]
    recent = [one for one in known if one.at > now - timedelta(minutes=minutes)]
    sold = [one for one in recent if one.kind == "purchase"]
    buyers = {one.user for one in sold if one.price >= 0}
    visitors = {one.user for one in recent}
    items = dict[tuple[int, int], list[Happened]]()
    for one in recent:
        if one.kind == "cart" and not any(_took_out(other, one) for other in known):
            items.setdefault((one.user, one.product), []).append(one)
    last = {item: max((one.at, one.price) for one in put)[1] for item, put in items.items()}
    return {
        "visitors": len(visitors),
        "visitors_with_cart": len({user for user, _ in items}),
        "cart_value": sum((len(put) * last[item] for item, put in items.items()), Decimal("0.00")),
        "buyers": len(buyers),
        "units": sum(one.price >= 0 for one in sold),
        "revenue": sum((one.price for one in sold), Decimal("0.00")),
        "conversion": round(100 * len(buyers) / len(visitors), 2) if visitors else None,
    }


def _took_out(other: Happened, cart: Happened) -> bool:
    is_out = other.kind == "remove_from_cart" or (other.kind == "purchase" and other.price >= 0)
    return is_out and (other.user, other.product) == (cart.user, cart.product) and other.at >= cart.at


def drawn(chance: random.Random, now: datetime) -> Happened:
    """An event of the last two hours or of the next ten minutes, to the second."""
    at = now + chance.choice([-7_200, -3_600, -600, -60, 600]) * SECOND * chance.random()
    kind = chance.choice(["view", "cart", "cart", "cart", "remove_from_cart", "purchase", "purchase"])
    price = Decimal(chance.choice([-250, 0, 100, 199, 350])) / 100
    return Happened(at.replace(microsecond=0), kind, chance.randrange(12), chance.randrange(4), price)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a count may take so long that the figures would rest for longer than EVERY."""
    monkeypatch.setattr(live_now, "RESTS", 0)


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_a_plain_count_whatever_comes_late(lake: Lake, seed: int) -> None:
    """Over midnight; looked at after some batches, now and then with nothing new, and once after a long time."""
    chance, shown = random.Random(seed), LiveNow()
    now, events = MIDNIGHT - timedelta(minutes=20), list[Happened]()
    for batch in range(1, 16):
        new = [drawn(chance, now) for _ in range(25)]
        events += new
        commit(lake, batch, new)
        for _ in range(chance.randrange(3)):
            now += EVERY + chance.choice([0, 30, 200, 1_000, 5_000]) * SECOND
            for found in counted(shown, lake, now).to_dicts():
                wanted = plainly(events, now, found["minutes"])
                assert {name: found[name] for name in wanted} == wanted
                assert (found["since"], found["until"]) == (now - timedelta(minutes=found["minutes"]), now)


def test_a_look_reads_what_new_batches_brought_and_the_first_one_the_last_hour(lake: Lake) -> None:
    """Files of earlier batches are gone, so reading one of them would fail."""
    now, shown = MIDNIGHT + timedelta(hours=20), LiveNow()
    for batch in range(1, 21):
        hour = MIDNIGHT + timedelta(hours=batch - 1)
        commit(lake, batch, [Happened(hour + n * 500 * SECOND, "view", n, 1, Decimal(1)) for n in range(1, 6)])
    delete_files(lake, "max.event_time", now - timedelta(hours=1))
    assert counted(shown, lake, now)["visitors"].to_list() == [0, 5]
    delete_files(lake, "max.event_time", now)
    commit(lake, 21, [Happened(now + SECOND, "view", 77, 1, Decimal(1))])

    found = counted(shown, lake, now + EVERY)

    assert found["visitors"].to_list() == [1, 6]


def delete_files(lake: Lake, column: str, before: datetime) -> None:
    table = lake.table(SILVER_EVENTS)
    for path, last in table.files().select("path", column).iter_rows():
        if last <= before:
            (Path(table.folder) / path).unlink(missing_ok=True)


def test_more_events_than_an_hour_may_have_are_not_read_as_new_ones(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog of a day is read by the stream while somebody looks: only its last hour is read."""
    monkeypatch.setattr(live_now, "MOST_NEW", 3)
    now, shown = MIDNIGHT + timedelta(hours=20), LiveNow()
    commit(lake, 1, [Happened(now, "view", 1, 1, Decimal(1))])
    assert counted(shown, lake, now)["visitors"].to_list() == [1, 1]
    old = now - timedelta(hours=9)
    commit(lake, 2, [Happened(old, "view", n, 1, Decimal(1)) for n in range(4)])
    delete_files(lake, "max.event_time", old)

    assert counted(shown, lake, now + EVERY)["visitors"].to_list() == [1, 1]


def test_a_rebuilt_day_is_counted_again(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    """Rows are gone, as when a user is forgotten, or there are more, though no batch came."""
    now, shown = datetime.now(UTC), LiveNow()
    at = (now - 30 * SECOND).isoformat()
    kinds = [(1, "view"), (1, "cart"), (2, "view"), (2, "cart"), (2, "purchase")]
    mock_kafka.publish(topic, [event(event_type=kind, user_id=user, event_time=at) for user, kind in kinds])
    run(lake, stream)
    assert counted(shown, lake, now).select("visitors", "visitors_with_cart", "buyers", "conversion").rows() == [
        (2, 1, 1, 50.0),
        (2, 1, 1, 50.0),
    ]
    day = f"event_date = DATE '{(now - 30 * SECOND).date()}'"
    table = lake.table(SILVER_EVENTS)
    kept = table.read(f"{day} AND user_id = 2")
    table.replace(kept, day, {})
    assert counted(shown, lake, now + EVERY)["visitors"].to_list() == [1, 1]
    others = [kept.with_columns(user_id=pl.lit(user, pl.Int64)) for user in (7, 8)]

    table.replace(pl.concat([kept, *others]), day, {})

    assert counted(shown, lake, now + 2 * EVERY)["visitors"].to_list() == [3, 3]


def test_nothing_is_counted_again_within_a_few_seconds(lake: Lake) -> None:
    now, shown = MIDNIGHT, LiveNow()
    commit(lake, 1, [Happened(now, "view", 1, 1, Decimal(1))])
    first = counted(shown, lake, now)
    commit(lake, 2, [Happened(now, "view", 2, 1, Decimal(1))])

    assert counted(shown, lake, now + EVERY - SECOND) is first
    assert counted(shown, lake, now + EVERY)["visitors"].to_list() == [2, 2]


def test_what_takes_long_to_count_is_shown_longer(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a busy shop's figures would take half a core from the stream."""
    monkeypatch.setattr(live_now, "RESTS", 10**9)
    now, shown = MIDNIGHT, LiveNow()
    commit(lake, 1, [Happened(now, "view", 1, 1, Decimal(1))])
    first = counted(shown, lake, now)
    commit(lake, 2, [Happened(now, "view", 2, 1, Decimal(1))])

    assert counted(shown, lake, now + LONGEST - SECOND) is first
    assert counted(shown, lake, now + LONGEST)["visitors"].to_list() == [2, 2]


class SlowLake(Lake):
    """A lake whose tables open once `opened` is set; `asked` says that one was wanted."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.asked, self.opened = Event(), Event()

    def table(self, layout: TableLayout, version: int | None = None) -> LakeTable:
        self.asked.set()
        assert self.opened.wait(60)
        return super().table(layout, version)


def test_a_page_does_not_wait_while_another_counts(lake: Lake) -> None:
    """Fifty pages that wait would take all threads, and the look at gold none."""
    shown, slow = LiveNow(), SlowLake(lake.root)
    with ThreadPoolExecutor(1) as pool:
        try:
            first = pool.submit(shown.figures, slow, MIDNIGHT)
            assert slow.asked.wait(60)
            assert shown.figures(lake, MIDNIGHT, wait=False) is None
        finally:
            slow.opened.set()
        found = first.result()
        slow.opened.clear()
        slow.asked.clear()
        try:
            pool.submit(shown.figures, slow, MIDNIGHT + EVERY)
            assert slow.asked.wait(60)
            assert shown.figures(lake, MIDNIGHT + EVERY, wait=False) is found
            assert shown.figures(lake, MIDNIGHT + STALE, wait=False) is None
        finally:
            slow.opened.set()
