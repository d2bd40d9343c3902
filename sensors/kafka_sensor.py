"""The sensor that polls Kafka and starts a run of the stream when there is something to read.

It only decides: the lake is the cursor, so a request carries no offsets and needs no run key.
Add here: what decides whether the stream runs. Not here: what a run reads (`assets.bronze.bronze`).
"""

from collections.abc import Callable

import dagster as dg

from assets.bronze.bronze import unread_offsets
from assets.gold.gold import gold_is_behind, whole_batches
from assets.stream.replicas import any_behind
from assets.stream.stream_assets import Stream, told_batch
from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
from resources.lake import Lake
from sensors.in_flight import run_in_flight
from sensors.jobs import STREAM

DAEMON_LOOP_SECONDS = 5
"""How often the daemon looks at its sensors: one that is due just after a look waits this long."""


def has_leftovers(lake: Lake, stream: Stream, told: int) -> bool:
    """Whether a killed run left a batch short of gold, Dagster does not know a batch, or a replica is behind."""
    return gold_is_behind(lake) or whole_batches(lake) != told or any_behind(stream.replicas, lake)


def decide(
    in_flight: str | None, unread: Callable[[], int], leftovers: Callable[[], bool]
) -> dg.RunRequest | dg.SkipReason:
    """One run, or the reason for none. Asks Kafka and the lake only if no run is in flight."""
    if in_flight:
        return dg.SkipReason(f"stream run {in_flight} is still in flight")
    try:
        count = unread()
    except (KafkaUnavailableError, TopicMissingError) as absent:
        return dg.SkipReason(str(absent))
    if count or leftovers():
        return dg.RunRequest()
    return dg.SkipReason("the lake has read everything that Kafka holds")


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
        return decide(
            run_in_flight(context.instance, STREAM.name),
            lambda: unread_offsets(lake, stream.open_reader()),
            lambda: has_leftovers(lake, stream, told_batch(context.instance)),
        )

    return kafka_sensor
