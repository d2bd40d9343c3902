"""What Dagster keeps about the stream: the results of its checks, and the seconds of the last run's stages.

Add here: a figure that only Dagster's own storage has. Not here: what the lake knows (`stream_health`).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg
import polars as pl
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from assets.customers.clv_checks import CHECKS as CUSTOMER_CHECKS
from assets.gold.restatements_asset import CHECKS as RESTATEMENT_CHECKS
from assets.stream.stream_assets import CHECKS
from assets.tables import SILVER_BATCHES
from assets.tables.asset_specs import key_of
from assets.upkeep.proof_checks import proof_check
from assets.upkeep.proven_days import PROVED
from salesinsights_dagster.settings import Settings

KEYS = [
    *(
        dg.AssetCheckKey(key_of(layout), name)
        for name, (layout, _) in {**CHECKS, **CUSTOMER_CHECKS, **RESTATEMENT_CHECKS}.items()
    ),
    *map(proof_check, PROVED),
]

_CHECKS = pl.Schema(
    {"check": pl.String(), "table": pl.String(), "state": pl.String(), "checked_at": pl.Datetime("us", "UTC")}
)
_STAGES = pl.Schema({"stage": pl.String(), "seconds": pl.Float64()})
_STATES = {AssetCheckExecutionRecordStatus.SUCCEEDED: "passed", AssetCheckExecutionRecordStatus.FAILED: "failed"}
"""The results of a check; one that is only planned has none yet."""


@dataclass(frozen=True)
class RunHistory:
    """`checks`: check, table, state (passed, failed), checked_at. `stages`: stage, seconds.

    Failed checks come first. Both are empty if Dagster has not run yet; the stages are of the newest run that read
    anything.
    """

    checks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_CHECKS))
    stages: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_STAGES))


def dagster_opener(settings: Settings) -> Callable[[], dg.DagsterInstance | None]:
    """A function that opens what Dagster's home keeps, once there is one."""
    opened: list[dg.DagsterInstance] = []

    def open_once() -> dg.DagsterInstance | None:
        if not opened:
            if not (settings.dagster_home / "dagster.yaml").exists():
                return None
            if settings.dagster_db:
                # Dagster needs the URL in this form; the environment may hold another form.
                os.environ["SALESINSIGHTS_DAGSTER_DB"] = settings.dagster_db
            opened.append(dg.DagsterInstance.from_config(str(settings.dagster_home)))
        return opened[0]

    return open_once


def history_reader(open_dagster: Callable[[], dg.DagsterInstance | None]) -> Callable[[], RunHistory]:
    """A function that reads the history, once there is one."""

    def read() -> RunHistory:
        instance = open_dagster()
        return RunHistory() if instance is None else read_history(instance)

    return read


def read_history(instance: dg.DagsterInstance) -> RunHistory:
    """The newest result of each check that ran, and the seconds of each stage of the newest run that read anything."""
    rows = [
        (
            key.name,
            "_".join(key.asset_key.path).removeprefix("gold_"),
            _STATES[record.status],
            # Not when the record was made: a run that stays makes it once, and evaluates the check again and again.
            datetime.fromtimestamp(record.event.timestamp if record.event else record.create_timestamp, UTC),
        )
        for key, record in _outcomes(instance)
    ]
    checks = pl.DataFrame(rows, schema=_CHECKS, orient="row")
    return RunHistory(checks.sort(pl.col("state") == "passed", "table", "check"), _stages(instance))


def _outcomes(instance: dg.DagsterInstance) -> Iterator[tuple[dg.AssetCheckKey, AssetCheckExecutionRecord]]:
    """The newest record of each check that has a result: during a run, the newest records are only planned."""
    storage = instance.event_log_storage
    for key, newest in storage.get_latest_asset_check_execution_by_key(KEYS).items():
        came_out = newest.status in _STATES
        found = [newest] if came_out else storage.get_asset_check_execution_history(key, 1, status=set(_STATES))
        yield from ((key, record) for record in found)


def _stages(instance: dg.DagsterInstance) -> pl.DataFrame:
    newest = instance.get_latest_materialization_event(key_of(SILVER_BATCHES))
    figures = newest.asset_materialization.metadata if newest and newest.asset_materialization else {}
    prefix = "seconds/"
    rows = [
        (name.removeprefix(prefix), figure.value)
        for name, figure in figures.items()
        if name.startswith(prefix) and isinstance(figure, dg.FloatMetadataValue)
    ]
    return pl.DataFrame(rows, schema=_STAGES, orient="row")
