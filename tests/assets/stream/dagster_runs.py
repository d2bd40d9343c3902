"""The stream's step in a Dagster of the test's own, and what it reports.

Add here: how tests run it. Not here: what should happen.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg

from assets.archive.archive_asset import archive_months
from assets.stream.replicas import ReplicaError
from assets.stream.stream_assets import Stream, micro_batch
from assets.tables import PRODUCT_SALES
from resources.lake import Lake
from sensors.jobs import STREAM


def execute(lake: Lake, stream: Stream, instance: dg.DagsterInstance, **arguments: Any) -> dg.ExecuteInProcessResult:
    defs = dg.Definitions(
        assets=[*archive_months.specs, micro_batch], jobs=[STREAM], resources={"lake": lake, "stream": stream}
    )
    return defs.resolve_job_def(STREAM.name).execute_in_process(instance=instance, **arguments)


def partitions(result: dg.ExecuteInProcessResult) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for happened in result.all_events:
        if happened.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            materialization = happened.step_materialization_data.materialization
            found.setdefault(materialization.asset_key.to_user_string(), []).append(materialization.partition)
    return found


class Recorder:
    """A replica that notes what it is asked, and fails if it is told to.

    The first time that it is updated it does `first`: a run that stays has then committed what there was, and commits
    nothing meanwhile.
    """

    def __init__(self, name: str, fails: bool = False, first: Callable[[], object] = int) -> None:
        self.spec = dg.AssetSpec(["serving", name])
        self.behind, self.fails = True, fails
        self.renewed: list[datetime] = []
        self._first = first

    def is_behind(self, lake: Lake) -> bool:
        return self.behind

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        first, self._first = self._first, int
        first()
        if self.fails:
            raise ReplicaError(f"{self.spec.key.path[-1]} is away")
        self.behind = False
        return {"rows": lake.table(PRODUCT_SALES).rows}

    def renew(self, lake: Lake, now: datetime) -> None:
        if self.fails:
            raise ReplicaError(f"{self.spec.key.path[-1]} is away")
        self.renewed.append(now)
