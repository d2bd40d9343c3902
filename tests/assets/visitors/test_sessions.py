"""Sessions and abandoned carts compared with plain Python over the same events, in any order of arrival."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from assets.tables import ABANDONED_CARTS, RECOVERED_CARTS, SESSIONS, SILVER_EVENTS
from assets.visitors import daily_tables
from assets.visitors.abandoned_carts import carts_are_behind, clear_carts, refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.daily_tables import refresh_days, stale_days
from assets.visitors.day_index import drop_indexes
from assets.visitors.sessions import touched_days
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.assets.visitors.visits import Event, event_of, kind_of
from tests.campaign import tries
from tests.lakes import rows

FIRST = datetime(2019, 12, 29, tzinfo=UTC)
SILENCE = timedelta(minutes=30)
KINDS = {"views": "view", "carts": "cart", "removals": "remove_from_cart", "purchases": "purchase"}
RULE = CartRule(60, 30)

Publish = Callable[[list[Event]], None]


def restless(seed: int, visits: int = 40, days: int = 3) -> list[Event]:
    """Visits that last minutes, over midnight or for days, some without a name, and some twice."""
    chance = random.Random(seed)
    found = []
    for visit in range(visits):
        user, name = chance.randint(1, 9), chance.choice([None, "a", f"visit {visit}"])
        at = FIRST + timedelta(seconds=chance.randrange(days * 86_400))
        pauses = [0, 1, 60, 900, 1_799, 1_800] if visit < 3 else [0, 1, 60, 900, 1_799, 1_800, 1_801, 3_000]
        for step in range(200 if visit < 3 else chance.choice([1, 2, 5, 30])):
            moment, product = f"{at:%Y-%m-%d %H:%M:%S UTC}", chance.randint(1, 6)
            price, kind = f"{chance.randint(-200, 900) / 100:.2f}", chance.choice(list(KINDS.values()))
            named = {"user_id": user, "user_session": name, "event_time": moment, "event_id": f"{seed} {visit} {step}"}
            found.append(event_of(**named, event_type=kind, product_id=product, price=price))
            at += timedelta(seconds=chance.choice(pauses))
    return [one for one in found if moment_of(one) < FIRST + timedelta(days=days + 2)]


def moment_of(one: Event) -> datetime:
    return datetime.strptime(one["event_time"], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)


def sessions(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """By the definition: the events of a user and visit in time order, cut after more than half an hour of silence."""
    visits: dict[tuple[int, str | None], list[Event]] = {}
    for one in sorted(events, key=moment_of):
        visits.setdefault((one["user_id"], one["user_session"]), []).append(one)
    return sorted((_facts(key, part) for key, visit in visits.items() for part in _parts(visit)), key=str)


def _parts(visit: list[Event]) -> list[list[Event]]:
    parts = [[visit[0]]]
    for before, one in pairwise(visit):
        if moment_of(one) - moment_of(before) > SILENCE:
            parts.append([])
        parts[-1].append(one)
    return parts


def _facts(key: tuple[int, str | None], part: list[Event]) -> tuple[Any, ...]:
    done = {**KINDS, "returns": "return"}
    counted = {name: sum(kind_of(one) == kind for one in part) for name, kind in done.items()}
    revenue = sum((Decimal(one["price"]) for one in part if one["event_type"] == "purchase"), Decimal("0.00"))
    outcome = "bought" if counted["purchases"] else "carted" if counted["carts"] else "browsed"
    products = len({one["product_id"] for one in part})
    return (*key, moment_of(part[0]), moment_of(part[-1]), *counted.values(), products, revenue, outcome)


def held(lake: Lake) -> list[tuple[Any, ...]]:
    found = rows(lake, SESSIONS)
    assert (found["started_at"].dt.date() == found["event_date"]).all()
    return sorted(found.drop("updated_at", "event_date").rows(), key=str)


def carts(events: Iterable[Event], rule: CartRule = RULE) -> set[tuple[Any, ...]]:
    """By the definition: for each user and product, the carts after the last removal or purchase."""
    events = list(events)
    now = max(map(moment_of, events))
    items: dict[tuple[int, int], list[Event]] = {}
    for one in events:
        items.setdefault((one["user_id"], one["product_id"]), []).append(one)
    return {found for key, of_item in items.items() for found in _left(key, of_item, now, rule)}


def _left(key: tuple[int, int], events: list[Event], now: datetime, rule: CartRule) -> Iterable[tuple[Any, ...]]:
    out = [moment_of(one) for one in events if kind_of(one) in ("remove_from_cart", "purchase")]
    cleared = max(out, default=None)
    put = [one for one in events if one["event_type"] == "cart" and (cleared is None or moment_of(one) > cleared)]
    if put and max(map(moment_of, put)) + timedelta(minutes=rule.minutes) <= now:
        last = max(map(moment_of, put))
        price = max(Decimal(one["price"]) for one in put if moment_of(one) == last)
        yield (*key, len(put), price, price * len(put), last)


def recoveries(events: Iterable[Event], rule: CartRule = RULE) -> set[tuple[Any, ...]]:
    """By the definition, item by item and second by second: what was bought after it had been left."""
    seconds: dict[tuple[int, int], dict[datetime, list[Event]]] = {}
    for one in events:
        seconds.setdefault((one["user_id"], one["product_id"]), {}).setdefault(moment_of(one), []).append(one)
    return {found for item, of_item in seconds.items() for found in _recovered(item, of_item, rule)}


def _recovered(
    item: tuple[int, int], seconds: dict[datetime, list[Event]], rule: CartRule
) -> Iterable[tuple[Any, ...]]:
    put: datetime | None = None
    for at in sorted(seconds):
        kinds = [kind_of(one) for one in seconds[at]]
        put = at if "cart" in kinds else put
        sold = [Decimal(one["price"]) for one, kind in zip(seconds[at], kinds, strict=True) if kind == "purchase"]
        if sold and put and put + timedelta(minutes=rule.minutes) <= at:
            yield (*item, put, at, len(sold), sum(sold))
        put = None if {"purchase", "remove_from_cart"} & set(kinds) else put


def held_recoveries(lake: Lake) -> set[tuple[Any, ...]]:
    columns = ("user_id", "product_id", "carted_at", "recovered_at", "units", "revenue")
    return set(rows(lake, RECOVERED_CARTS).select(columns).rows())


def held_carts(lake: Lake) -> set[tuple[Any, ...]]:
    columns = ("user_id", "product_id", "quantity", "price", "cart_value", "carted_at")
    return set(rows(lake, ABANDONED_CARTS).select(columns).rows())


def follow(lake: Lake) -> list[date]:
    found = [day for days in refresh_days(lake, SESSIONS) for day in days]
    refresh_carts(lake, RULE)
    return found


@pytest.mark.parametrize("seed", range(tries(1, 50)))
@pytest.mark.parametrize("committed_days", [1, 7])
def test_whatever_the_order_of_arrival_they_are_those_of_one_batch(
    lake: Lake, publish: Publish, seed: int, committed_days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shuffled, with duplicates and late events, in four batches; the tables follow after each."""
    monkeypatch.setattr(daily_tables, "COMMITTED_DAYS", committed_days)
    events, chance = restless(seed), random.Random(seed)
    arriving = [*events, *chance.sample(events, len(events) // 5)]
    chance.shuffle(arriving)
    for part in range(4):
        publish(arriving[part::4])
        follow(lake)

    assert held(lake) == sessions(events)
    assert any(one[3].date() - one[2].date() > timedelta(days=1) for one in held(lake)), "no session of several days"
    assert held_carts(lake) == carts(events)
    assert len(held_carts(lake)) > 3
    assert held_recoveries(lake) == recoveries(events)
    assert len(held_recoveries(lake)) > 3
    assert (stale_days(lake, SESSIONS), carts_are_behind(lake, RULE), follow(lake)) == ([], False, [])


def test_a_late_event_joins_two_sessions_over_midnight(lake: Lake, publish: Publish) -> None:
    publish([event_of(event_time="2019-12-30 23:40:00 UTC"), event_of(event_time="2019-12-31 00:20:00 UTC")])
    follow(lake)
    assert [len(held(lake)), *rows(lake, SESSIONS)["event_date"].dt.day()] == [2, 30, 31]

    publish([event_of(event_time="2019-12-31 00:05:00 UTC")])
    assert touched_days(lake.table(SESSIONS), [date(2019, 12, 31)]) == [
        date(2019, 12, 30), date(2019, 12, 31), date(2020, 1, 1),
    ]  # fmt: skip
    follow(lake)

    assert rows(lake, SESSIONS).select("views", pl.col("event_date").dt.day()).rows() == [(3, 30)]


def test_a_visitor_who_never_pauses_costs_no_look_at_the_others(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(hours: float, user: int) -> Event:
        return event_of(event_time=f"{FIRST + timedelta(hours=hours):%Y-%m-%d %H:%M:%S UTC}", user_id=user)

    days = 7
    publish([at(step / 3, 1) for step in range(days * 72)] + [at(24 * day, 2) for day in range(days)])
    follow(lake)
    publish([at(24 * days - 0.1, 3)])
    seen: list[pl.DataFrame] = []
    read = LakeTable.read

    def heard(*asked: Any) -> pl.DataFrame:
        seen.append(read(*asked))
        return seen[-1]

    monkeypatch.setattr(LakeTable, "read", heard)
    monkeypatch.setattr(LakeTable, "stream", lambda table, where, _, *more: iter((heard(table, where, *more),)))

    list(refresh_days(lake, SESSIONS))

    events = pl.concat(frame.select("user_id", "event_time") for frame in seen if "event_type" in frame.columns)
    others = events.filter(user_id=2)["event_time"].dt.date().unique().sort().to_list()
    assert others == [(FIRST + timedelta(days=days - 1)).date()]
    assert len(held(lake)) == 1 + days + 1

    drop_indexes(lake)
    seen.clear()
    list(refresh_days(lake, SESSIONS, [FIRST.date() + timedelta(days=days - 1)]))

    whole = pl.concat(frame.select("user_id", "event_time") for frame in seen if "event_type" in frame.columns)
    others = whole.filter(user_id=2)["event_time"].dt.date().unique().sort().to_list()
    assert others == [(FIRST + timedelta(days=day)).date() for day in (0, 1, days - 1)]


def test_an_event_that_silver_lost_parts_a_session(lake: Lake, publish: Publish) -> None:
    times = ["2019-12-30 23:40:00", "2019-12-31 00:05:00", "2019-12-31 00:20:00"]
    publish([event_of(event_time=f"{time} UTC") for time in times])
    follow(lake)
    silver = lake.table(SILVER_EVENTS)
    where = "event_date = DATE '2019-12-31'"
    silver.replace(silver.read(where).filter(pl.col("event_time").dt.minute() != 5), where, {})

    follow(lake)

    assert rows(lake, SESSIONS)["event_date"].dt.day().to_list() == [30, 31]


def test_an_item_leaves_when_it_is_bought_and_not_before_its_hour(lake: Lake, publish: Publish) -> None:
    def cart(minute: int, kind: str = "cart", product: int = 1) -> Event:
        return event_of(event_time=f"2019-12-30 10:{minute:02}:00 UTC", event_type=kind, product_id=product)

    clock = [event_of(event_time=f"2019-12-30 {time} UTC", user_id=2) for time in ("11:04:59", "11:05:00", "23:00:00")]
    seen = []
    bought = ([cart(30, "purchase", product=2)], [cart(59, "purchase")])
    for batch in ([cart(0), cart(5)], clock[:1], clock[1:2], *bought, clock[2:]):
        publish(batch)
        follow(lake)
        seen.append(sum(rows(lake, ABANDONED_CARTS)["quantity"]))

    assert seen == [0, 0, 2, 2, 0, 0]


def test_a_clock_that_runs_ahead_abandons_nothing(lake: Lake, publish: Publish) -> None:
    now = datetime.now(UTC)
    publish([event_of(event_type="cart", event_time=f"{now:%Y-%m-%d %H:%M:%S UTC}")])
    publish([event_of(user_id=2, event_time=f"{now + timedelta(hours=20):%Y-%m-%d %H:%M:%S UTC}")])

    follow(lake)

    assert rows(lake, ABANDONED_CARTS).is_empty()


def test_old_carts_are_given_up_and_the_rule_is_a_setting(lake: Lake, publish: Publish) -> None:
    old, new = "2019-12-01 10:00:00 UTC", "2019-12-31 10:00:00 UTC"
    publish([event_of(event_type="cart", event_time=old), event_of(event_type="cart", event_time=new, user_id=2)])
    publish([event_of(event_time="2019-12-31 12:00:00 UTC", user_id=3)])
    follow(lake)
    assert rows(lake, ABANDONED_CARTS)["user_id"].to_list() == [2]

    for rule, users in ((CartRule(60, 31), [1, 2]), (CartRule(180, 31), [1])):
        assert carts_are_behind(lake, rule)
        refresh_carts(lake, rule)
        assert rows(lake, ABANDONED_CARTS)["user_id"].to_list() == users


@pytest.mark.parametrize(("put_in", "users"), [("11:59:59", []), ("12:00:00", []), ("12:00:01", [1])])
def test_a_cart_is_given_up_after_thirty_days_to_the_second(
    lake: Lake, publish: Publish, put_in: str, users: list[int]
) -> None:
    publish([event_of(event_type="cart", event_time=f"2019-12-01 {put_in} UTC", user_id=1)])
    publish([event_of(event_time="2019-12-31 12:00:00 UTC", user_id=3)])

    follow(lake)

    assert rows(lake, ABANDONED_CARTS)["user_id"].to_list() == users


def test_cleared_carts_are_computed_by_the_next_refresh(lake: Lake, publish: Publish) -> None:
    """As a repair leaves them, whose files were lost."""
    day = "2019-12-30"
    publish([event_of(event_type="cart", event_time=f"{day} 10:00:00 UTC", user_id=user) for user in (1, 2)])
    publish([event_of(event_type="purchase", event_time=f"{day} 12:00:00 UTC", user_id=2)])
    follow(lake)
    clear_carts(lake)
    assert [rows(lake, layout).height for layout in (ABANDONED_CARTS, RECOVERED_CARTS)] == [0, 0]
    assert carts_are_behind(lake, RULE)

    follow(lake)

    assert [rows(lake, layout)["user_id"].to_list() for layout in (ABANDONED_CARTS, RECOVERED_CARTS)] == [[1], [2]]


def test_nothing_is_abandoned_in_an_empty_lake(lake: Lake) -> None:
    assert not carts_are_behind(lake, RULE)
    assert refresh_carts(lake, RULE) == 0


def test_a_session_of_many_days_stays_whole_when_its_first_day_changes(lake: Lake, publish: Publish) -> None:
    times = [FIRST + timedelta(minutes=25 * step) for step in range(5 * 24 * 60 // 25)]
    publish([event_of(event_time=f"{at:%Y-%m-%d %H:%M:%S UTC}") for at in times])
    follow(lake)
    publish([event_of(event_time=f"{FIRST + timedelta(minutes=5):%Y-%m-%d %H:%M:%S UTC}")])

    follow(lake)

    assert rows(lake, SESSIONS).select("views", "started_at", "ended_at").rows() == [(len(times) + 1, FIRST, times[-1])]
