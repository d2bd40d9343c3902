"""Restatements: windows of product_sales that changed after they closed, with old and new values and the reason.

Compares gold's version at the last look with the current one, so a window that changed twice in between is one
restatement. Add here: what counts as a restatement. Not here: how gold is computed (`gold`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.tables import ARCHIVE, PRODUCT_SALES, RESTATEMENTS, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_table import LakeTable, VersionGoneError, again_on_conflict
from resources.table_files import rows_that_differ

SEEN_VERSION, SEEN_AT = "product_sales/version", "product_sales/seen_at"
"""Names of progress: the version of product_sales at the last look, and its time in microseconds."""

GRACE = timedelta(seconds=90)
"""A window is closed this long after its end; by then, every event that was on time has reached gold."""

_KEY = ["event_date", "window_start", "window_end", "product_id"]
_MEASURES = ["units", "revenue", "refunds"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Look:
    """What a look found: the number of restatements, and whether the last look's version still existed."""

    restated: int
    is_complete: bool


def record_restatements(lake: Lake, now: datetime) -> Look:
    """Add a row for each product and window that had closed by the last look and changed since.

    Idempotent: the rows and the version looked at are one commit. A day that gold did not hold at the last look was not
    published, so its windows are not restatements. If the last look is so old that its version is gone, the changes
    since then are unknown, and `is_complete` is False.
    """

    def record() -> Look:
        ledger, sales = lake.table(RESTATEMENTS), lake.table(PRODUCT_SALES)
        version, seen_at = ledger.progress(SEEN_VERSION), ledger.progress(SEEN_AT)
        if version == sales.version:
            return Look(0, is_complete=True)
        rows, is_complete = pl.DataFrame(schema=RESTATEMENTS.schema), True
        if version is not None and seen_at is not None:
            try:
                before = lake.table(PRODUCT_SALES, version)
                rows = _restated(lake, before, sales, _EPOCH + timedelta(microseconds=seen_at), now)
            except VersionGoneError:
                is_complete = False
        ledger.append(rows, {SEEN_VERSION: sales.version, SEEN_AT: (now - _EPOCH) // timedelta(microseconds=1)})
        return Look(rows.height, is_complete)

    return again_on_conflict(record)


def _restated(lake: Lake, before: LakeTable, after: LakeTable, seen_at: datetime, now: datetime) -> pl.DataFrame:
    old, new = (rows.select(*_KEY, *_MEASURES) for rows in rows_that_differ(before, after))
    # A day that gold did not hold at the last look was not published.
    new = new.filter(pl.col("event_date").is_in(before.days))
    both = old.join(new, on=_KEY, how="full", coalesce=True, suffix="_new")
    changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _MEASURES)
    closed = both.filter(pl.col("window_end") <= pl.lit(seen_at - GRACE), changed)
    named = {f"old_{name}": pl.col(name) for name in _MEASURES}
    named |= {f"new_{name}": pl.col(f"{name}_new") for name in _MEASURES}
    if closed.is_empty():
        return pl.DataFrame(schema=RESTATEMENTS.schema)
    reasons = _reasons(lake, closed["event_date"].unique(), seen_at)
    return (
        closed.join(reasons, on=["event_date", "product_id"], how="left")
        .with_columns(**named, restated_at=pl.lit(now), reason=pl.col("reason").fill_null("recomputed"))
        .select(RESTATEMENTS.schema.names())
    )


def _reasons(lake: Lake, days: Iterable[date], seen_at: datetime) -> pl.DataFrame:
    """Per day and product with purchases ingested since the last look: `archive` or `late`."""
    since = f"ingested_at > TIMESTAMP '{seen_at:%Y-%m-%dT%H:%M:%S.%fZ}'"
    where = f"{SILVER_PURCHASES.on_days(days)} AND {since}"
    fresh = lake.table(SILVER_PURCHASES).read(where, ["event_date", "product_id", "source"])
    reason = pl.when((pl.col("source") == ARCHIVE).any()).then(pl.lit("archive")).otherwise(pl.lit("late"))
    return fresh.group_by("event_date", "product_id").agg(reason=reason)
