"""The sensor that alerts people: once when something goes wrong, and once when it is well again.

It writes to Dagster's log, and to a webhook if one is set. Its cursor holds what it has told (`notices.Memory`); what
could not be delivered is told again at the next tick. What flaps is told late: `PATIENCE` says how late.
Add here: what is looked at, and how patiently. Not here: an alarm about the stream (`assets.stream.alarms`), or about
runs, checks and ticks (`run_alarms`).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import dagster as dg

from assets.bronze.bronze import unread_offsets
from assets.customers.customer_value import customer_value_is_behind
from assets.gold.gold import gold_is_behind
from assets.products.bought_together import bought_together_is_behind
from assets.products.category_sales import category_sales_are_behind
from assets.products.product_outlook import product_outlook_is_behind
from assets.products.repurchases import repurchases_are_behind
from assets.stream.alarms import Alarms, newest_batches, stream_alarms
from assets.stream.stream_assets import Stream
from assets.tables import (
    ABANDONED_CARTS,
    BOUGHT_TOGETHER,
    CATEGORY_SALES_DAILY,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    DAILY,
    PRODUCT_OUTLOOK,
    REPURCHASES,
    VISITOR_TABLES,
)
from assets.visitors.abandoned_carts import carts_are_behind
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import cohorts_are_behind
from assets.visitors.daily_tables import is_stale
from resources.lake import Lake
from sensors.foreign_cursor import mend_cursor
from sensors.notices import ALERTS, Memory, Pager, Patience, notices, settled, spoken, tell, undelivered
from sensors.run_alarms import (
    CheckResult,
    backfill_alarms,
    check_results,
    launched_alarms,
    run_alarms,
    tick_alarms,
)

TICK_SECONDS = 30
LATE = (
    "its source has moved on, and it was not refreshed for longer than its freshness policy allows. The Dagster UI "
    "({place}) shows its runs, and Materialize refreshes it"
)
BROKEN_POLICY = "FAIL"
"""The state of an asset that was not materialized within its policy's time."""

BRIEF, LONG = timedelta(seconds=90), timedelta(minutes=5)

PATIENCE = {
    # After a quiet spell a run has to start: what waits meanwhile is no fault.
    "stalled": Patience(before=BRIEF, after=BRIEF),
    "lag": Patience(before=BRIEF, after=BRIEF),
    "kafka": Patience(before=BRIEF, after=BRIEF),
    "not_judged": Patience(before=BRIEF),
    "quarantine_flood": Patience(after=LONG),
}
"""By the alarm's name, or the part before the first slash; all others are told at once, and so is their end."""

OF_ERROR, OF_WARNING = Patience(after=LONG), Patience(before=LONG, after=LONG, results=3)
"""A failed check is told at once. If its failure is only a warning, three results in a row must have failed, over five
minutes. Either is over once no result has failed for five minutes."""

FORGOTTEN = ("failed_", "failing_", "late/", "not_judged/")
"""Names that begin so and are no longer found, such as that of a week-old run, are neither told nor kept."""


def late_alarms(instance: dg.DagsterInstance, behind: Mapping[str, Callable[[], bool]]) -> Alarms:
    """Per table `late/TABLE`: whether it is behind its source, and Dagster says that its freshness policy is broken.

    `behind` tells, by a table's name, whether its source has moved on: a table whose source stands still is not late.
    """
    keys = {name: dg.AssetKey(name.split("/")) for name in behind}
    states = instance.get_freshness_state_records(list(keys.values()))
    late = {key for key, record in states.items() if record.freshness_state.value == BROKEN_POLICY}
    return {
        f"late/{name}": LATE.format(place=f"/assets/{name}") if keys[name] in late and is_behind() else None
        for name, is_behind in behind.items()
    }


def tables_behind(lake: Lake, cart_rule: CartRule) -> Mapping[str, Callable[[], bool]]:
    """For each table that is computed from another table: a function that says whether its source has moved on."""
    return {
        **{layout.name: lambda: gold_is_behind(lake) for layout in DAILY},
        CUSTOMER_VALUE.name: lambda: customer_value_is_behind(lake),
        **{layout.name: partial(is_stale, lake, layout) for layout in VISITOR_TABLES},
        ABANDONED_CARTS.name: lambda: carts_are_behind(lake, cart_rule),
        COHORT_RETENTION.name: lambda: cohorts_are_behind(lake),
        CATEGORY_SALES_DAILY.name: lambda: category_sales_are_behind(lake),
        PRODUCT_OUTLOOK.name: lambda: product_outlook_is_behind(lake),
        BOUGHT_TOGETHER.name: lambda: bought_together_is_behind(lake),
        REPURCHASES.name: lambda: repurchases_are_behind(lake),
    }


def patience_with(checks: Mapping[str, CheckResult]) -> Callable[[str], Patience]:
    """A function from an alarm's name to the patience that it needs."""

    def of(name: str) -> Patience:
        if name in checks:
            return OF_WARNING if checks[name].is_warning else OF_ERROR
        return PATIENCE.get(name.partition("/")[0], Patience())

    return of


def judged(sources: Mapping[str, Callable[[], Alarms]], note: Callable[[str], object]) -> Alarms:
    """The alarms of all sources. A source that can't be judged is an alarm of its own, and hides no other.

    `note` is called inside the handler of the error.
    """
    found: dict[str, str | None] = {}
    for name, judge in sources.items():
        try:
            found |= {**judge(), f"not_judged/{name}": None}
        except Exception as error:  # noqa: BLE001
            # Whatever went wrong, the other alarms must still be told.
            fault = str(error).strip().splitlines() or [type(error).__name__]
            found[f"not_judged/{name}"] = f"nothing is alerted there ({fault[0]}): Automation > {ALERTS} has the log"
            note(f"{name} can't be judged")
    return found


def alarms_now(
    instance: dg.DagsterInstance,
    location: dg.RepositoryDefinition,
    lake: Lake,
    stream: Stream,
    cart_rule: CartRule,
    note: Callable[[str], object],
) -> tuple[Alarms, Mapping[str, CheckResult]]:
    """All alarms of this moment, told or not; and of those that are checks, the results."""
    now, results = stream.clock(), dict[str, CheckResult]()
    jobs = [name for name in location.job_names if not name.startswith("__")]
    ticking = {*(sensor.name for sensor in location.sensor_defs), *(plan.name for plan in location.schedule_defs)}

    def of_stream() -> Alarms:
        return stream_alarms(newest_batches(lake), lambda: unread_offsets(lake, stream.open_reader()), now)

    def of_checks() -> Alarms:
        results.update(check_results(instance, location.asset_graph.asset_check_keys))
        return {name: result.fault for name, result in results.items()}

    found = judged(
        {
            "stream": of_stream,
            "runs": lambda: run_alarms(instance, jobs, now),
            "launched": lambda: launched_alarms(instance, now),
            "backfills": lambda: backfill_alarms(instance, now),
            "checks": of_checks,
            "ticks": lambda: tick_alarms(instance, sorted(ticking - {ALERTS})),
            "late": lambda: late_alarms(instance, tables_behind(lake, cart_rule)),
        },
        note,
    )
    if found.get("lost_offsets") is not None:
        # The stream's sensor fails at them: that is no second piece of news.
        found = {name: fault for name, fault in found.items() if name != "failing_sensor/kafka"}
    return found, results


def _kept(told: Mapping[str, str], alarms: Alarms) -> Mapping[str, str]:
    """What was told, without what is FORGOTTEN by now."""
    if any(fault is not None for name, fault in alarms.items() if name.startswith("not_judged/")):
        return told
    return {name: fault for name, fault in told.items() if name in alarms or not name.startswith(FORGOTTEN)}


@dg.sensor(
    name=ALERTS,
    minimum_interval_seconds=TICK_SECONDS - 2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts if the stream stands still, falls behind or lost offsets, a run, backfill, check or sensor "
    "failed or was ended by somebody, a table is late, or many messages are refused: once when it starts, once when it "
    "is over. What flaps is told late.",
)
def alert_sensor(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    stream: dg.ResourceParam[Stream],
    pager: dg.ResourceParam[Pager],
    cart_rule: dg.ResourceParam[CartRule],
) -> dg.SkipReason:
    location = context.repository_def
    assert location is not None  # noqa: S101
    if mend_cursor(context.instance):
        context.log.warning("the cursor of the sensor customers was not its own: it begins again with an empty one")
    memory = Memory.of(context.cursor)
    alarms, results = alarms_now(context.instance, location, lake, stream, cart_rule, context.log.exception)
    found_at = {name: result.at for name, result in results.items()}
    ripe, turns = settled(alarms, memory, stream.clock(), patience_with(results), found_at)
    news = notices(memory.told, ripe)
    told = tell(pager, news, _kept(memory.told, alarms), context.log.warning)
    after = Memory.after(told, alarms, turns)
    context.update_cursor(after.text)
    return dg.SkipReason(spoken(alarms, after, undelivered(news, told)))
