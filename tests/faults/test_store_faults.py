"""The stream into an object store that fails: too busy, reset, or an error for what it has done all the same."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from assets.stream.stream_assets import Stream
from assets.tables.table import Table
from resources.lake import Lake
from resources.lake_errors import LakeError
from tests.faults.feed import Feed
from tests.faults.killed_run import COMMITS
from tests.faults.oracle import assert_lake_holds
from tests.lakes import run
from tests.resources.s3_server import Fault, S3Server

PASSING = {"too busy": Fault(503, "SlowDown", times=2), "reset": Fault(0, times=2)}
"""What a store does for a moment: the next try succeeds."""


@pytest.mark.parametrize("kind", PASSING)
def test_a_store_that_fails_for_a_moment_stops_nobody(
    kind: str, bucket: Lake, s3: S3Server, stream: Stream, feed: Feed, hasty: None
) -> None:
    feed.publish()
    with s3.faulty(PASSING[kind]):
        run(bucket, stream)

    assert s3.answered == 2
    assert_lake_holds(bucket, feed.log)


@pytest.mark.parametrize(("status", "tables"), [(500, COMMITS[::2]), (0, COMMITS[1::2])], ids=["an error", "a reset"])
def test_a_commit_that_happened_and_was_answered_with_an_error_counts_once(
    status: int, tables: Sequence[Table], bucket: Lake, s3: S3Server, stream: Stream, feed: Feed, hasty: None
) -> None:
    """The client sends it again, and is told that somebody else was first."""
    feed.publish()
    run(bucket, stream)
    for table in tables:
        feed.publish()
        path = rf"{table.name}/_delta_log/\d{{20}}\.json"
        fault = Fault(status, method="PUT", path=path, times=1, has_happened=True)
        with s3.faulty(fault), suppress(LakeError):
            run(bucket, stream)
        assert s3.answered == 1, table.name
        run(bucket, stream)

    assert_lake_holds(bucket, feed.log)
