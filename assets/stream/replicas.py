"""What keeps a copy of gold outside the lake, and is brought up to date at the end of each run of the stream.

Each follower remembers which version of gold its copy is of, so that a run after a failure or a kill just goes on.
Add here: what holds for all of them. Not here: one of them (`sales_topic`, `serving.postgres_replica`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import dagster as dg

from resources.lake import Lake


class ReplicaError(RuntimeError):
    """A copy could not be brought up to date; it stands where it was, or whole where it is to be. Try again."""


class Replica(Protocol):
    """A copy of gold, shown in the lineage as the asset `spec`."""

    @property
    def spec(self) -> dg.AssetSpec: ...

    def is_behind(self, lake: Lake) -> bool:
        """Whether gold has moved since. Raises FollowerError where the copy can't be asked."""

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        """Bring the copy to gold's newest version; what was written. Again, it writes nothing. Raises FollowerError."""


def catch_up(replicas: Sequence[Replica], lake: Lake, now: datetime) -> Iterator[dg.AssetMaterialization]:
    """Bring all of them up to date, and tell of those that had to move.

    One that fails holds up no other. Raises FollowerError for it at the end.
    """
    failures = []
    for replica in replicas:
        try:
            figures = replica.catch_up(lake, now) if replica.is_behind(lake) else None
        except ReplicaError as failure:
            failures.append(str(failure))
            continue
        if figures is not None:
            yield dg.AssetMaterialization(replica.spec.key, metadata=figures)
    if failures:
        raise ReplicaError("; ".join(failures))


def any_behind(replicas: Sequence[Replica], lake: Lake) -> bool:
    """Whether one of them has to be brought up to date; one that can't be asked has to wait for the next event."""
    return any(_is_known_behind(replica, lake) for replica in replicas)


def _is_known_behind(replica: Replica, lake: Lake) -> bool:
    try:
        return replica.is_behind(lake)
    except ReplicaError:
        return False
