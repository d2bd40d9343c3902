"""The sensor that polls Kafka and starts a run of the stream when there is something to read.

It only decides: the lake is the cursor, so a request carries no offsets and needs no run key.
Add here: what decides whether the stream runs. Not here: what a run reads (`assets.bronze.bronze`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from assets.bronze.bronze import unread_offsets
from assets.gold.gold import gold_is_behind, whole_batches
from assets.gold.recounted_days import is_recount_due
from assets.progress.rebuild_marks import abandoned_days
from assets.progress.untold_days import has_untold_days
from assets.stream.live_run import LIVE, Life
from assets.stream.replicas import any_behind, renew
from assets.stream.stream_assets import Stream, told_batch
from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
from resources.lake import Lake
from sensors.in_flight import alive, runs_in_flight
from sensors.jobs import STREAM

DAEMON_LOOP_SECONDS = 5
"""How often the daemon looks at its sensors: one that is due just after a look waits this long."""


def has_leftovers(lake: Lake, stream: Stream, told: int) -> bool:
    """Whether a batch or a day is short of gold, Dagster does not know of one, or a replica is behind."""
    is_short = gold_is_behind(lake) or bool(abandoned_days(lake)) or is_recount_due(lake)
    is_untold = whole_batches(lake) != told or has_untold_days(lake)
    return is_short or is_untold or any_behind(stream.replicas, lake)


def supervise(
    runs: Sequence[dg.RunRecord], life: Life | None, now: datetime, batch: Callable[[], int]
) -> dg.RunRequest | dg.SkipReason:
    """With these runs in flight, newest first: a successor if the only one is old enough, or what it does."""
    run, started = runs[0].dagster_run, runs[0].start_time
    if life is None or started is None or LIVE not in run.tags:
        return dg.SkipReason(f"stream run {run.run_id[:8]} is still in flight")
    since = datetime.fromtimestamp(started, UTC)
    if len(runs) == 1 and now - since >= life.lives:
        return dg.RunRequest(tags={LIVE: "true"})
    return dg.SkipReason(
        f"stream run {run.run_id[:8]} has been reading since {since:%H:%M:%S} UTC; the lake is at batch {batch()}"
    )


def decide(
    unread: Callable[[], int],
    leftovers: Callable[[], bool],
    tags: Mapping[str, str],
    renewal: Callable[[], Sequence[str]] = tuple,
) -> dg.RunRequest | dg.SkipReason:
    """Without a run in flight: one, with these tags, or the reason for none.

    If there is nothing to do, no run will renew the replicas: `renewal` does, and returns what went wrong.
    """
    try:
        count = unread()
    except (KafkaUnavailableError, TopicMissingError) as absent:
        return dg.SkipReason(str(absent))
    if count or leftovers():
        return dg.RunRequest(tags=dict(tags))
    return dg.SkipReason("; ".join(["the lake has read everything that Kafka holds", *renewal()]))


def build_kafka_sensor(poll_seconds: int) -> dg.SensorDefinition:
    """The sensor, polling every `poll_seconds`."""

    @dg.sensor(
        name="kafka",
        job=STREAM,
        # Half a daemon loop less: a look that comes a moment too soon would delay the tick by a whole loop.
        minimum_interval_seconds=max(1, poll_seconds - DAEMON_LOOP_SECONDS // 2),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Every {poll_seconds} seconds: starts the stream if there is a backlog or unfinished work.",
    )
    def kafka_sensor(
        context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake], stream: dg.ResourceParam[Stream]
    ) -> dg.RunRequest | dg.SkipReason:
        runs = alive(context.instance, runs_in_flight(context.instance, STREAM.name))
        if runs:
            return supervise(runs, stream.life, stream.clock(), lambda: whole_batches(lake))
        return decide(
            lambda: unread_offsets(lake, stream.open_reader()),
            lambda: has_leftovers(lake, stream, told_batch(context.instance)),
            {LIVE: "true"} if stream.life else {},
            lambda: renew(stream.replicas, lake, stream.clock()),
        )

    return kafka_sensor
