"""Replicas: copies of gold outside the lake, updated by the runs of the stream.

Each replica knows which version of gold it shows, so a run after a failure or a kill just goes on.
Add here: what holds for all replicas. Not here: one of them (`serving.sales_topic`, `serving.postgres_replica`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import dagster as dg

from resources.lake import Lake


class ReplicaError(RuntimeError):
    """A replica could not be updated; it is either fully updated or unchanged. Try again."""


class Replica(Protocol):
    """A replica, shown in the lineage as the asset `spec`."""

    @property
    def spec(self) -> dg.AssetSpec: ...

    def is_behind(self, lake: Lake) -> bool:
        """Whether gold has changed since the last update. Raises ReplicaError if the replica can't be asked."""

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        """Update to gold's newest version; return what was written, by table. Idempotent. Raises ReplicaError."""

    def renew(self, lake: Lake, now: datetime) -> None:
        """Say that this lake still updates the replica, where others might. Cheap. Raises ReplicaError."""


def catch_up(replicas: Sequence[Replica], lake: Lake, now: datetime) -> Iterator[dg.AssetMaterialization]:
    """Update all replicas, renew those that need no update, and yield a materialization for each that was behind.

    A failing replica does not stop the others. Raises ReplicaError for it at the end.
    """
    failures = []
    for replica in replicas:
        try:
            figures = _catch_up_or_renew(replica, lake, now)
        except ReplicaError as failure:
            failures.append(str(failure))
            continue
        if figures is not None:
            yield dg.AssetMaterialization(replica.spec.key, metadata=figures)
    if failures:
        raise ReplicaError("; ".join(failures))


def _catch_up_or_renew(replica: Replica, lake: Lake, now: datetime) -> dict[str, int] | None:
    if replica.is_behind(lake):
        return replica.catch_up(lake, now)
    replica.renew(lake, now)
    return None


def renew(replicas: Sequence[Replica], lake: Lake, now: datetime) -> list[str]:
    """Renew all replicas; return what went wrong. For the time when no run updates them."""
    failures = []
    for replica in replicas:
        try:
            replica.renew(lake, now)
        except ReplicaError as failure:
            failures.append(str(failure))
    return failures


def any_behind(replicas: Sequence[Replica], lake: Lake) -> bool:
    """Whether a replica is behind. One that can't be asked does not count: it waits for the next event."""
    return any(_is_known_behind(replica, lake) for replica in replicas)


def _is_known_behind(replica: Replica, lake: Lake) -> bool:
    try:
        return replica.is_behind(lake)
    except ReplicaError:
        return False
