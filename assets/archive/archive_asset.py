"""The archive_months asset: one run a month, from its file to gold.

Add here: what Dagster is told about a month. Not here: how a month reaches the lake (`month_loader`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import dagster as dg

from assets.archive.month_files import find_month
from assets.archive.month_loader import MonthLoad, OnProgress, load_month
from assets.progress.changed_days import rows_per_day
from assets.progress.untold_days import untold_days
from assets.runs.process_priority import yield_to_stream
from assets.tables import (
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    DAILY,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.tables.asset_specs import key_of, spec_of
from resources.engine import Engine, worth
from resources.lake import Lake


@dataclass(frozen=True)
class Archive:
    """What a load needs besides the lake: the folder of month files, the time, the length of a window, an engine."""

    folder: Path
    clock: Callable[[], datetime]
    window_seconds: int
    heard: OnProgress = lambda stage, rows: None
    engine: Engine | None = None
    """Where parts of a large file are parsed, and its days judged; None: in the run itself."""


@dg.multi_asset(
    name="archive_months", specs=[spec_of(BRONZE_ARCHIVE_MONTHS)], backfill_policy=dg.BackfillPolicy.multi_run(1)
)
def archive_months(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], archive: dg.ResourceParam[Archive]
) -> dg.MaterializeResult:
    """Load the month's file into bronze, and update silver and gold of its days."""
    yield_to_stream(context)
    file = find_month(archive.folder, date.fromisoformat(context.partition_key))
    begun = archive.clock()
    engine = worth(archive.engine, file.about_lines)
    load = load_month(lake, file, begun, archive.window_seconds, _told(context, archive.heard), engine)
    _tell_of_days(context, lake, load, archive.clock().date())
    seconds = (archive.clock() - begun).total_seconds()
    return dg.MaterializeResult(
        metadata={
            "file": file.path.name,
            "sha256": file.fingerprint,
            **load.counts,
            "dagster/row_count": load.counts["lines"],
            "days": len(load.days),
            "seconds": seconds,
        }
    )


def _told(context: dg.AssetExecutionContext, heard: OnProgress) -> OnProgress:
    """Reports the progress in the run's log too."""

    def tell(stage: str, rows: int) -> None:
        context.log.info(f"{stage}: {rows} more rows")
        heard(stage, rows)

    return tell


def _tell_of_days(context: dg.AssetExecutionContext, lake: Lake, load: MonthLoad, today: date) -> None:
    month = load.file.month
    untold = untold_days(lake, today, only=[*load.days, month])
    changed = untold.rows()
    for layout in (BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE, *DAILY):
        rows = rows_per_day(lake.table(layout))
        days = {*rows} & {month} if layout is SILVER_QUARANTINE else {*load.days}
        for day in sorted({*days, *changed.get(layout.name, {})}):
            metadata = {"dagster/row_count": rows.get(day, 0)}
            context.log_event(dg.AssetMaterialization(key_of(layout), metadata=metadata, partition=day.isoformat()))
    untold.told()
