"""The alarms about what Dagster did: runs, backfills, checks and ticks that failed.

A run or backfill that somebody ended counts as failed, since its work is not done.
Add here: an alarm that Dagster's own records show. Not here: alarms about the stream (`assets.stream.alarms`), or what
is told of them (`notices`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import AssetCheckKey
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)

from assets.runs.last_results import OF_RUN
from assets.stream.alarms import Alarms
from assets.stream.live_run import LIVE

KIND = "salesinsights/kind"
BY_HAND = "__ASSET_JOB"
"""The job of a run of assets that somebody started in the UI, and of automation's runs, which have the tag KIND."""

UNWELL = {dg.DagsterRunStatus.FAILURE: "failed", dg.DagsterRunStatus.CANCELED: "was ended before it was done"}
ENDED = [dg.DagsterRunStatus.SUCCESS, *UNWELL]

BROKEN_OFF = {
    BulkActionStatus.FAILED: "failed",
    BulkActionStatus.COMPLETED_FAILED: "ended with failed runs",
    BulkActionStatus.CANCELED: "was ended before it was done",
}
ENDED_BACKFILLS = [BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.COMPLETED, *BROKEN_OFF]

STEADY = timedelta(minutes=5)
"""A run of the stream that stays has no end for an hour: it counts as a good one once it has read for so long."""

LOOKS_BACK = timedelta(days=7)
"""What was launched by hand earlier than this is forgotten, whether or not it was made up for."""

MOST, MOST_GOOD = 50, 200
"""How many of the newest backfills and failed runs are looked at, and of the good runs that may make up for them."""

FAILED_TICKS = 3

SILENT_AFTER = timedelta(minutes=5)
"""Ten ticks."""


def run_alarms(instance: dg.DagsterInstance, job_names: Iterable[str], now: datetime) -> Alarms:
    """Per job `failed_run/JOB`: whether the newest of its ended runs failed, or was ended by somebody.

    A run that automation started has no job of its own: it is known by the tag of the job that does the same by hand.
    """
    return {f"failed_run/{name}": _last_fault(instance, name, now) for name in job_names}


def _last_fault(instance: dg.DagsterInstance, job_name: str, now: datetime) -> str | None:
    filters = [
        dg.RunsFilter(job_name=job_name, statuses=ENDED),
        dg.RunsFilter(tags={KIND: job_name}, statuses=ENDED),
    ]
    ended = [record for found in filters for record in instance.get_run_records(found, limit=1)]
    if not ended:
        return None
    newest = max(ended, key=lambda record: record.storage_id)
    run = newest.dagster_run
    if run.status not in UNWELL or _is_made_up_for(instance, newest, now):
        return None
    return _run_fault(run, job_name)


def _run_fault(run: dg.DagsterRun, name: str) -> str:
    return f"run {run.run_id[:8]} of {name} {UNWELL[run.status]}: the Dagster UI (/runs/{run.run_id}) says why"


def _is_made_up_for(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    """Whether a later run of the job stays and has read for long enough."""
    going = dg.RunsFilter(
        job_name=record.dagster_run.job_name, statuses=[dg.DagsterRunStatus.STARTED], tags={LIVE: "true"}
    )
    return any(
        later.storage_id > record.storage_id
        and later.start_time is not None
        and now - datetime.fromtimestamp(later.start_time, UTC) >= STEADY
        for later in instance.get_run_records(going, limit=5)
    )


def launched_alarms(instance: dg.DagsterInstance, now: datetime) -> Alarms:
    """Per selection of assets that somebody materialized by hand, `failed_run/ASSETS`: whether the last run failed.

    A good run of the same assets makes up for it. Runs of a backfill are told with it.
    """
    failed = _asset_runs(instance, [*UNWELL], now, MOST)
    by_hand = [record for record in failed if not {KIND, "dagster/backfill"} & set(record.dagster_run.tags)]
    if not by_hand:
        return {}
    good = _asset_runs(instance, [dg.DagsterRunStatus.SUCCESS], now, MOST_GOOD)
    newest: dict[str, dg.DagsterRun] = {}
    for record in sorted([*by_hand, *good], key=lambda record: record.storage_id):
        newest[_selection(record.dagster_run)] = record.dagster_run
    return {
        f"failed_run/{name}": _run_fault(newest[name], name) if newest[name].status in UNWELL else None
        for name in {_selection(record.dagster_run) for record in by_hand}
    }


def _asset_runs(
    instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus], now: datetime, most: int
) -> Sequence[dg.RunRecord]:
    filters = dg.RunsFilter(job_name=BY_HAND, statuses=statuses, created_after=now - LOOKS_BACK)
    return instance.get_run_records(filters, limit=most)


def _selection(run: dg.DagsterRun) -> str:
    """The run's assets or checks, and its partition, if it has one."""
    chosen = [key.to_user_string() for key in run.asset_selection or ()]
    chosen = chosen or [f"{key.asset_key.to_user_string()}:{key.name}" for key in run.asset_check_selection or ()]
    partition = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start")
    return ", ".join(sorted(chosen)) + (f" of {partition}" if partition else "")


def backfill_alarms(instance: dg.DagsterInstance, now: datetime) -> Alarms:
    """Per selection of assets, or per job, `failed_backfill/WHAT`: whether its newest ended backfill failed.

    A good backfill of the same assets makes up for it, such as a re-execution from failure.
    """
    ended = BulkActionsFilter(statuses=ENDED_BACKFILLS, created_after=now - LOOKS_BACK)
    newest: dict[str, PartitionBackfill] = {}
    for backfill in instance.get_backfills(ended, limit=MOST):
        newest.setdefault(_target(backfill), backfill)
    return {f"failed_backfill/{name}": _backfill_fault(backfill) for name, backfill in newest.items()}


def _target(backfill: PartitionBackfill) -> str:
    assets = backfill.asset_selection or ()
    return ", ".join(sorted(key.to_user_string() for key in assets)) or str(backfill.job_name)


def _backfill_fault(backfill: PartitionBackfill) -> str | None:
    how = BROKEN_OFF.get(backfill.status)
    place = f"/runs/b/{backfill.backfill_id}"
    return how and f"backfill {backfill.backfill_id} {how}: the Dagster UI ({place}) shows and re-executes its runs"


@dataclass(frozen=True)
class CheckResult:
    """The newest result of a check: what is wrong, when it was found, and whether that is only a warning.

    `at` is in epoch seconds, 0 for a result that a run only repeated.
    """

    fault: str | None
    at: float
    is_warning: bool


def check_results(instance: dg.DagsterInstance, checks: Collection[AssetCheckKey]) -> Mapping[str, CheckResult]:
    """Per check that has a result, `failed_check/ASSET/NAME`. A run that has only planned it hides no result."""
    storage, found = instance.event_log_storage, dict[str, CheckResult]()
    for key, newest in storage.get_latest_asset_check_execution_by_key(list(checks)).items():
        done = COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
        came_out = [newest]
        if newest.status not in done:
            came_out = [*storage.get_asset_check_execution_history(key, limit=1, status=set(done))]
        for record in came_out:
            found[f"failed_check/{key.asset_key.to_user_string()}/{key.name}"] = _result(key, record)
    return found


def _result(key: AssetCheckKey, record: AssetCheckExecutionRecord) -> CheckResult:
    evaluation = record.evaluation
    failed = evaluation is None or not evaluation.passed
    is_repeated = evaluation is not None and OF_RUN in evaluation.metadata
    place = f"/assets/{'/'.join(key.asset_key.path)}?view=checks"
    return CheckResult(
        f"the check failed: the Dagster UI ({place}) shows its figures" if failed else None,
        0.0 if is_repeated or record.event is None else record.event.timestamp,
        evaluation is not None and evaluation.severity is dg.AssetCheckSeverity.WARN,
    )


def tick_alarms(instance: dg.DagsterInstance, names: Iterable[str]) -> Alarms:
    """Per sensor or schedule `failing_sensor/NAME`: whether its last FAILED_TICKS ticks failed."""
    states = instance.all_instigator_state()
    mine = {name: [state for state in states if state.instigator_name == name] for name in names}
    return {f"failing_sensor/{name}": _ticks_fault(instance, name, found) for name, found in mine.items()}


def _ticks_fault(instance: dg.DagsterInstance, name: str, states: Sequence[InstigatorState]) -> str | None:
    ticks = _last_ticks(instance, states, FAILED_TICKS)
    if len(ticks) < FAILED_TICKS or any(tick.status is not TickStatus.FAILURE for tick in ticks):
        return None
    error = ticks[0].error
    reason = error.message.strip().splitlines()[0] if error and error.message.strip() else "it names no reason"
    return f"its last {FAILED_TICKS} ticks failed ({reason}): Automation > {name} in the Dagster UI shows the error"


def silence(instance: dg.DagsterInstance, name: str, now: datetime) -> str | None:
    """Why nobody hears of this sensor: it fails, or does not look. None if it never ran, or somebody stopped it."""
    states = states_of(instance, name)
    if all(state.status is InstigatorStatus.STOPPED for state in states):
        return None
    looks = [datetime.fromtimestamp(tick.timestamp, UTC) for tick in _last_ticks(instance, states, 1)]
    if looks and now - looks[0] > SILENT_AFTER:
        return f"the sensor {name} has not looked since {looks[0]:%F %T} UTC: does `salesinsights dev` run?"
    return _ticks_fault(instance, name, states)


def _last_ticks(instance: dg.DagsterInstance, states: Sequence[InstigatorState], most: int) -> list[InstigatorTick]:
    """The newest ended ticks of a sensor or schedule, newest first."""
    ended = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    ticks = [
        tick
        for state in states
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=most, statuses=ended)
    ]
    return sorted(ticks, key=lambda tick: tick.timestamp, reverse=True)[:most]


def states_of(instance: dg.DagsterInstance, name: str) -> list[InstigatorState]:
    """What Dagster keeps of the sensor or schedule of this name; nothing before its first tick."""
    return [state for state in instance.all_instigator_state() if state.instigator_name == name]
