"""The sensor that alerts people: once when something goes wrong, and once when it is well again.

It writes to Dagster's log, and to a webhook if one is set. Its cursor holds the alarms that it has told; an alarm that
could not be delivered is told again at the next tick.
Add here: an alarm about runs or checks. Not here: alarms about the stream (`assets.stream.alarms`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import dagster as dg
from dagster import AssetCheckKey

from assets.bronze.bronze import unread_offsets
from assets.customers.customer_value import customer_value_is_behind
from assets.gold.gold import gold_is_behind
from assets.stream.alarms import Alarms, newest_batches, stream_alarms
from assets.stream.stream_assets import Stream
from assets.tables import ABANDONED_CARTS, COHORT_RETENTION, CUSTOMER_VALUE, DAILY, VISITOR_TABLES
from assets.visitors.abandoned_carts import carts_are_behind
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import cohorts_are_behind
from assets.visitors.daily_tables import is_stale
from resources.lake import Lake
from resources.webhook import WebhookError

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
TICK_SECONDS = 30
KIND = "salesinsights/kind"
LATE = "its source has moved on, and it was not refreshed for longer than its freshness policy allows"
BROKEN_POLICY = "FAIL"
"""The state of an asset that was not materialized within its policy's time."""

FAILED_CHECK = "FAILED"
"""The state of a check that ran and did not pass."""


@dataclass(frozen=True)
class Pager:
    """Who is told besides the log: `send` takes one line of text and raises WebhookError; None for nobody."""

    send: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Notice:
    """What to say about an alarm: that it is on (`fault` says what is wrong), or that it is over (None)."""

    name: str
    fault: str | None

    @property
    def text(self) -> str:
        return f"SalesInsights ALERT {self.name}: {self.fault}" if self.fault else f"SalesInsights OK {self.name}"


def notices(told: Mapping[str, str], alarms: Alarms) -> list[Notice]:
    """What is new: alarms not told yet, and told ones that are over. An alarm that is not judged stays as it is."""
    return [Notice(name, fault) for name, fault in alarms.items() if (fault is not None) != (name in told)]


def run_alarms(instance: dg.DagsterInstance, job_names: list[str]) -> Alarms:
    """Per job `failed_run/JOB`: whether the newest of its ended runs failed.

    A run that automation started has no job of its own: it is known by the tag of the job that does the same by hand.
    """
    return {f"failed_run/{name}": _last_failure(instance, name) for name in job_names}


def _last_failure(instance: dg.DagsterInstance, job_name: str) -> str | None:
    filters = [
        dg.RunsFilter(job_name=job_name, statuses=ENDED),
        dg.RunsFilter(tags={KIND: job_name}, statuses=ENDED),
    ]
    ended = [record for found in filters for record in instance.get_run_records(found, limit=1)]
    runs = [record.dagster_run for record in sorted(ended, key=lambda record: record.storage_id, reverse=True)]
    if not runs or runs[0].status is not dg.DagsterRunStatus.FAILURE:
        return None
    return f"run {runs[0].run_id[:8]} of {job_name} failed: its log in the Dagster UI says why"


def check_alarms(instance: dg.DagsterInstance, checks: list[AssetCheckKey]) -> Alarms:
    """Per check `failed_check/ASSET/NAME`: whether it failed the last time it ran."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    return {
        f"failed_check/{key.asset_key.to_user_string()}/{key.name}": (
            "the check failed: the Dagster UI shows its figures" if record.status.value == FAILED_CHECK else None
        )
        for key, record in latest.items()
    }


def late_alarms(instance: dg.DagsterInstance, behind: Mapping[str, Callable[[], bool]]) -> Alarms:
    """Per table `late/TABLE`: whether it is behind its source, and Dagster says that its freshness policy is broken.

    `behind` tells, by a table's name, whether its source has moved on: a table whose source stands still is not late.
    """
    keys = {name: dg.AssetKey(name.split("/")) for name in behind}
    states = instance.get_freshness_state_records(list(keys.values()))
    late = {key for key, record in states.items() if record.freshness_state.value == BROKEN_POLICY}
    return {f"late/{name}": LATE if keys[name] in late and is_behind() else None for name, is_behind in behind.items()}


def tables_behind(lake: Lake, cart_rule: CartRule) -> Mapping[str, Callable[[], bool]]:
    """For each table that is computed from another table: a function that says whether its source has moved on."""
    return {
        **{layout.name: lambda: gold_is_behind(lake) for layout in DAILY},
        CUSTOMER_VALUE.name: lambda: customer_value_is_behind(lake),
        **{layout.name: partial(is_stale, lake, layout) for layout in VISITOR_TABLES},
        ABANDONED_CARTS.name: lambda: carts_are_behind(lake, cart_rule),
        COHORT_RETENTION.name: lambda: cohorts_are_behind(lake),
    }


def tell(pager: Pager, news: list[Notice], told: Mapping[str, str], say: Callable[[str], None]) -> dict[str, str]:
    """Tell the news; return what is told now. What can't be delivered counts as not told."""
    known = dict(told)
    for notice in news:
        say(notice.text)
        try:
            if pager.send is not None:
                pager.send(notice.text)
        except WebhookError as error:
            say(f"not delivered, the next tick tries again: {error}")
            continue
        if notice.fault is None:
            known.pop(notice.name, None)
        else:
            known[notice.name] = notice.fault
    return known


def _all_alarms(
    context: dg.SensorEvaluationContext, lake: Lake, stream: Stream, cart_rule: CartRule
) -> Iterator[Alarms]:
    location = context.repository_def
    assert location is not None  # noqa: S101
    yield stream_alarms(newest_batches(lake), lambda: unread_offsets(lake, stream.open_reader()), stream.clock())
    yield run_alarms(context.instance, [name for name in location.job_names if not name.startswith("__")])
    yield check_alarms(context.instance, list(location.asset_graph.asset_check_keys))
    yield late_alarms(context.instance, tables_behind(lake, cart_rule))


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=TICK_SECONDS - 2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts if the stream stands still, falls behind or lost offsets, a run or a check failed, a table is "
    "late, or many messages are refused: once when it starts, and once when it is over.",
)
def alert_sensor(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    stream: dg.ResourceParam[Stream],
    pager: dg.ResourceParam[Pager],
    cart_rule: dg.ResourceParam[CartRule],
) -> dg.SkipReason:
    told = json.loads(context.cursor or "{}")
    alarms = {name: fault for found in _all_alarms(context, lake, stream, cart_rule) for name, fault in found.items()}
    known = tell(pager, notices(told, alarms), told, context.log.warning)
    context.update_cursor(json.dumps(known))
    return dg.SkipReason("; ".join(f"{name}: {fault}" for name, fault in known.items()) or "all is well")
