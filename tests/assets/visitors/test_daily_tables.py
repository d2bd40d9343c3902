"""The visitor tables compared with plain Python over the same events, in any order of arrival."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import polars as pl
import pytest

from assets.silver.silver import rebuild_silver
from assets.stream.compaction import compact
from assets.stream.micro_batch import open_stream
from assets.tables import FUNNEL_DAILY, SILVER_EVENTS, USER_DAYS, VISITOR_TABLES
from assets.tables.asset_specs import key_of
from assets.tables.queries import definition_of
from assets.visitors import daily_tables
from assets.visitors.cohort_retention import cohorts_are_behind, refresh_cohorts
from assets.visitors.daily_tables import any_stale, refresh_days, stale_days
from resources.lake import Lake
from resources.lake_table import LakeTable
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from sensors.jobs import CUSTOMERS
from tests.assets.visitors.visits import Event, event_of, follow, kind_of
from tests.faults.interleaving import crash_before
from tests.lakes import rows

REACHED = {"viewing": "view", "carting": "cart", "buying": "purchase"}
LEVELS = {"category": "category_id", "brand": "brand", "product": "product_id"}
KINDS = {"views": "view", "carts": "cart", "removals": "remove_from_cart", "purchases": "purchase"}
DONE = {**KINDS, "returns": "return"}


def some_events(seed: int, count: int) -> list[Event]:
    """Three days of a few users, products, brands and visits; a product has one category and sometimes no brand."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        product = chance.randint(1, 9)
        moment = datetime(2019, 12, 30, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 86_400))
        found.append(
            {
                "event_time": f"{moment:%Y-%m-%d %H:%M:%S UTC}",
                "event_type": chance.choice(list(KINDS.values())),
                "product_id": product,
                "category_id": 10 + product % 3,
                "category_code": "care.hands" if product % 3 == 1 else None,
                "brand": chance.choice([None, f"brand {product % 4}"]),
                "price": f"{chance.randint(-200, 900) / 100:.2f}",
                "user_id": chance.randint(1, 12),
                "user_session": chance.choice([None, "a", "b", "c", "d"]),
                "event_id": f"event {seed} {number}",
            }
        )
    return found


def funnel(events: Iterable[Event]) -> set[tuple[object, ...]]:
    groups: dict[tuple[object, ...], list[Event]] = {}
    for one in events:
        day = one["event_time"][:10]
        keys = [
            ("all", None),
            ("category", one["category_id"]),
            ("brand", one["brand"]),
            ("product", one["product_id"]),
        ]
        for key in keys:
            groups.setdefault((day, *key), []).append(one)
    return {(*key, *counts(group)) for key, group in groups.items()}


def counts(group: list[Event]) -> Iterable[int]:
    for kind in DONE.values():
        yield sum(kind_of(one) == kind for one in group)
    for who in ("user_id", "user_session"):
        for kind in REACHED.values():
            yield len({one[who] for one in group if kind_of(one) == kind} - {None})


def users(events: Iterable[Event]) -> set[tuple[object, ...]]:
    groups: dict[tuple[str, int], list[Event]] = {}
    for one in events:
        groups.setdefault((one["event_time"][:10], one["user_id"]), []).append(one)
    return {(*key, *user_counts(group)) for key, group in groups.items()}


def user_counts(group: list[Event]) -> Iterable[object]:
    for kind in DONE.values():
        yield sum(kind_of(one) == kind for one in group)
    yield sum((Decimal(one["price"]) for one in group if one["event_type"] == "purchase"), Decimal())
    yield len({one["user_session"] for one in group} - {None})
    yield len({one["product_id"] for one in group})
    moments = [one["event_time"].removesuffix(" UTC") for one in group]
    yield from (min(moments), max(moments))


def held_funnel(lake: Lake) -> set[tuple[object, ...]]:
    named = pl.coalesce("product_id", pl.when(level="category").then("category_id")).cast(pl.String)
    key = pl.when(level="brand").then("brand").otherwise(named)
    measures = [*DONE, *(f"{who}_{what}" for who in ("users", "sessions") for what in REACHED)]
    found = rows(lake, FUNNEL_DAILY).select(pl.col("event_date").cast(pl.String), "level", key.alias("key"), *measures)
    return {(*row[:2], _number(row[1], row[2]), *row[3:]) for row in found.iter_rows()}


def _number(level: str, key: str | None) -> object:
    return int(key) if level in ("category", "product") and key is not None else key


def held_users(lake: Lake) -> set[tuple[object, ...]]:
    moments = [pl.col(name).dt.strftime("%F %T") for name in ("first_event_at", "last_event_at")]
    day = pl.col("event_date").cast(pl.String)
    return set(rows(lake, USER_DAYS).select(day, "user_id", *DONE, "revenue", "sessions", "products", *moments).rows())


def test_the_tables_say_what_plain_python_says(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    events = some_events(1, 600)
    for part in range(3):
        publish(events[part::3])
        follow(lake)

    assert held_funnel(lake) == funnel(events)
    assert held_users(lake) == users(events)
    assert rows(lake, FUNNEL_DAILY).height == len(funnel(events))
    assert rows(lake, USER_DAYS).height == len(users(events))


def test_a_product_has_its_brand_and_category(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    publish([event_of(product_id=1, brand=None), event_of(product_id=1, brand="runail"), event_of(product_id=2)])
    follow(lake)

    products = rows(lake, FUNNEL_DAILY).filter(level="product").sort("product_id")
    categories = rows(lake, FUNNEL_DAILY).filter(level="category")
    assert products["brand"].to_list() == ["runail", "b"]
    assert products["category_id"].to_list() == [7, 7]
    assert categories.select("category_id", "category_code", "views").rows() == [(7, "care", 3)]


def test_only_days_with_other_events_are_computed(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    publish(some_events(2, 60))
    assert follow(lake) == [date(2019, 12, 30), date(2019, 12, 31), date(2020, 1, 1)]
    assert (any_stale(lake), follow(lake)) == (False, [])

    publish([event_of(event_time="2019-12-31 09:00:00 UTC")])

    assert any_stale(lake)
    assert follow(lake) == [date(2019, 12, 31)]


def test_files_that_were_only_merged_make_no_day_stale(
    lake: Lake, publish: Callable[[list[Event]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        publish(some_events(seed, 30))
    follow(lake)
    monkeypatch.setattr("assets.stream.compaction.MOST_SMALL_FILES", 2)
    assert compact(open_stream(lake)) > 0

    assert not any_stale(lake)


def test_a_rebuilt_day_is_stale_whatever_its_counts_say(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    """A corrected month, loaded while an event of its day arrives, may keep the day's number of rows and its newest."""
    publish([event_of(event_time="2019-10-01 10:00:00 UTC"), event_of(event_time="2019-10-03 10:00:00 UTC")])
    follow(lake)

    rebuild_silver(lake, [date(2019, 10, 1)])

    assert [stale_days(lake, layout) for layout in VISITOR_TABLES] == [[date(2019, 10, 1)]] * len(VISITOR_TABLES)


def test_a_day_that_silver_lost_is_emptied(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    publish(some_events(3, 60))
    follow(lake)
    silver = lake.table(SILVER_EVENTS)
    silver.replace(pl.DataFrame(schema=SILVER_EVENTS.schema), "event_date = DATE '2019-12-31'", {})

    assert follow(lake) == [date(2019, 12, 31)]
    assert {date(2019, 12, 31)}.isdisjoint(rows(lake, USER_DAYS)["event_date"])
    assert not any_stale(lake)


def test_another_query_makes_every_day_stale_and_what_follows_look_again(
    lake: Lake, publish: Callable[[list[Event]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(some_events(4, 60))
    follow(lake)
    refresh_cohorts(lake)
    query = definition_of
    monkeypatch.setattr(daily_tables, "definition_of", lambda layout: f"{query(layout)} -- as of the next release")

    assert len(stale_days(lake, FUNNEL_DAILY)) == 3
    assert not cohorts_are_behind(lake)
    follow(lake)
    assert cohorts_are_behind(lake)


def test_a_kill_between_commits_leaves_days_that_the_next_run_computes(
    lake: Lake, publish: Callable[[list[Event]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = some_events(5, 120)
    publish(events)
    monkeypatch.setattr(daily_tables, "COMMITTED_DAYS", 1)
    steps = refresh_days(lake, USER_DAYS)
    next(steps)
    crash_before(monkeypatch, LakeTable, "replace", lambda: next(steps))
    assert len(stale_days(lake, USER_DAYS)) == 2

    follow(lake)

    assert held_users(lake) == users(events)


def test_a_run_follows_though_its_source_is_partitioned(lake: Lake, publish: Callable[[list[Event]], None]) -> None:
    """As automation starts it: without a partition, when Dagster knows days of silver."""
    publish(some_events(6, 60))
    upstream = dg.AssetMaterialization(key_of(SILVER_EVENTS), partition="2019-12-30")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(upstream)
        for days in (3, 0):
            done = execute(lake, instance).get_asset_materialization_events()
            told = [one.step_materialization_data.materialization for one in done]
            assert {found.asset_key: found.metadata["days"].value for found in told} == {
                key_of(layout): days for layout in VISITOR_TABLES
            }


def execute(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    defs = build_definitions(load_settings({"SALESINSIGHTS_LAKE": lake.root}))
    job = defs.resolve_job_def(CUSTOMERS.name)
    return job.execute_in_process(instance=instance, op_selection=["visitor_tables"])
