"""The sensor that tells a catalogue of data what runs did, as events of OpenLineage.

It reads Dagster's own records after the fact, in the daemon: no run waits for a receiver, or fails for one. Its cursor
holds how far it has told. Dagster keeps no cursor of a tick that fails: what such a tick has sent is sent once more.
Add here: what is told, and when. Not here: the words (`assets.serving.openlineage_events`), or how it is sent.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.event_api import RunStatusChangeRecordsFilter

from assets.serving.openlineage_events import STATES, Catalogue, Told
from resources.lineage_receiver import LineageReceiver

TICK_SECONDS = 30
MOST_RUNS = 20
"""Of each kind of change, at one tick."""

PAGE = 1_000
_MADE = {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION}

Cursor = dict[str, int]
"""By the name of an event's type, the number of the last one that was told."""


@dataclass(frozen=True)
class Lineage:
    """Who is told, and of which data sets."""

    catalogue: Catalogue
    receiver: LineageReceiver


def build_openlineage_sensor(lineage: Lineage) -> dg.SensorDefinition:
    """The sensor for this receiver."""

    @dg.sensor(
        name="openlineage",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells a catalogue of data, by OpenLineage, which tables runs have made, and from which.",
    )
    def openlineage_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = _read(context.cursor) or _newest(context.instance)
        sent = 0
        for name, number, told in changes(context.instance, cursor):
            for event in lineage.catalogue.events(told):
                refused = lineage.receiver.send(event)
                if refused:
                    context.log.warning(f"an event of {event.job.name} was refused: {refused}; it is left out")
                sent += 1
            cursor[name] = number
        context.update_cursor(json.dumps(cursor))
        return dg.SkipReason(f"{sent} events sent")

    return openlineage_sensor


def changes(instance: dg.DagsterInstance, cursor: Mapping[str, int]) -> Iterator[tuple[str, int, Told]]:
    """Starts first, then ends: what happened to runs after the cursor, as type, number and what is to be told."""
    for kind, state in STATES.items():
        after = RunStatusChangeRecordsFilter(kind, after_storage_id=cursor.get(kind.name, 0))  # type: ignore[arg-type]
        for record in instance.fetch_run_status_changes(after, limit=MOST_RUNS, ascending=True).records:
            run = instance.get_run_by_id(record.run_id)
            at = datetime.fromtimestamp(record.timestamp, UTC)
            made = _made(instance, record.run_id)
            if run is not None:
                yield kind.name, record.storage_id, Told(run.run_id, run.job_name, state, at, made)


def _made(instance: dg.DagsterInstance, run_id: str) -> Mapping[dg.AssetKey, list[str]]:
    """The assets that the run was to make or has made, each with the partitions that it has made."""
    made = defaultdict[dg.AssetKey, list[str]](list)
    cursor, has_more = None, True
    while has_more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_MADE, limit=PAGE)
        cursor, has_more = page.cursor, page.has_more
        for event in filter(None, (record.event_log_entry.dagster_event for record in page.records)):
            if event.asset_key is not None:
                some = [event.partition] if event.partition and event.is_step_materialization else []
                made[event.asset_key] += some
    return made


def _newest(instance: dg.DagsterInstance) -> Cursor:
    """The end of Dagster's records: what happened before the sensor was there is not told."""
    found = {kind.name: instance.fetch_run_status_changes(kind, limit=1).records for kind in STATES}
    return {name: records[0].storage_id if records else 0 for name, records in found.items()}


def _read(text: str | None) -> Cursor | None:
    """The cursor; None for one that is not the sensor's own, such as one that somebody set in the UI."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    is_ours = isinstance(found, dict) and all(isinstance(number, int) for number in found.values())
    return found if is_ours else None
