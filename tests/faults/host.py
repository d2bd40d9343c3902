"""A machine that knows nothing of others: a process with a Dagster of its own, in which a run of the stream stays.

It writes down what its run logs. Add here: how such a machine runs. Not here: what two of them make of one lake.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.stream import live_run
from assets.stream.live_run import LIVE, Life
from assets.stream.stream_assets import Stream
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.stream.dagster_runs import execute
from tests.resources.mock_kafka import MockTopicReader


def main(home: str, root: str, servers: str, topic: str, idle_seconds: str) -> None:
    """Run the stream until it has heard nothing for so long."""
    Path(home).mkdir()
    live_run.TELL_SECONDS = 2.0
    stream = Stream(
        lambda: MockTopicReader(KafkaConnection(servers), topic),
        lambda: datetime.now(UTC),
        batch_rows=1_000,
        window_seconds=45,
        life=Life(timedelta(hours=1), timedelta(seconds=float(idle_seconds))),
    )
    with dg.DagsterInstance.local_temp(home) as instance:
        assert execute(Lake(root), stream, instance, tags={LIVE: "true"}).success


if __name__ == "__main__":
    main(*sys.argv[1:])
