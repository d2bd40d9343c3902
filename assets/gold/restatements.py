"""Restatements: windows of product_sales that changed after they closed, with old and new values and the reason.

Compares gold as the last look saw it with the current one, so a window that changed twice in between is one
restatement. Whoever deletes old versions of product_sales looks first; if the last look's version is gone all the same,
the ledger says so (`last_gap`).
Add here: what counts as a restatement. Not here: how gold is computed (`gold`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.progress.batches import batch_of
from assets.progress.source_fingerprints import fingerprint
from assets.runs.verdict import Verdict
from assets.tables import ARCHIVE, BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES, RESTATEMENTS, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_errors import VersionGoneError, again_on_conflict
from resources.lake_table import LakeTable
from resources.table_files import rows_that_differ
from resources.table_log import make_young

GRACE = timedelta(seconds=90)
"""A window is closed this long after its end; by then, every event that was on time has reached gold."""

OLD_LOOK = timedelta(hours=1)
"""After so long the next writer of product_sales looks first: its versions are kept for two hours."""

GAP_SHOWN = timedelta(days=1)
"""For so long a gap fails the check."""

RECOMPUTED, FORGOTTEN = "recomputed", "forgotten"
"""Reasons that the rows do not tell."""

_VERSION, _FILES, _AT, _CLOSED = (f"product_sales/{name}" for name in ("version", "files", "seen_at", "closed_until"))
_GAP_SINCE, _GAP_UNTIL = "product_sales/unknown_since", "product_sales/unknown_until"
"""Names of progress. Times are in microseconds."""

_KEY = ["event_date", "window_start", "window_end", "product_id"]
_MEASURES = ["units", "revenue", "refunds"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Look:
    """What a look found: the number of restatements, and whether it knew what the last look saw."""

    restated: int
    is_complete: bool


@dataclass(frozen=True)
class Gap:
    """A time whose restatements nobody knows."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class _Seen:
    """product_sales as a look saw it: its version, a fingerprint of its files, and when.

    Windows that end by `closed_until` were closed. A lake of an older release has no fingerprint.
    """

    version: int
    files: int | None
    at: datetime
    closed_until: datetime

    @classmethod
    def by(cls, ledger: LakeTable) -> "_Seen | None":
        version, at, closed = (ledger.progress(name) for name in (_VERSION, _AT, _CLOSED))
        if version is None or at is None:
            return None
        moment = _EPOCH + timedelta(microseconds=at)
        until = moment - GRACE if closed is None else _EPOCH + timedelta(microseconds=closed)
        return cls(version, ledger.progress(_FILES), moment, until)

    def is_held_by(self, sales: LakeTable) -> bool:
        """Whether this version has the files that were seen: after a repair a number may belong to other rows."""
        return self.files == _files_of(sales) if self.files is not None else self.version == sales.version

    @property
    def progress(self) -> Mapping[str, int]:
        files = {} if self.files is None else {_FILES: self.files}
        return {_VERSION: self.version, **files, _AT: _micros(self.at), _CLOSED: _micros(self.closed_until)}


def record_restatements(lake: Lake, now: datetime, reason: str = RECOMPUTED) -> Look:
    """Add a row for each product and window that had closed by the last look and changed since.

    Idempotent: the rows and the version looked at are one commit. A day that gold never held at a look was not
    published, so its windows are not restatements. If what the last look saw is no longer kept, the changes since then
    are unknown: `is_complete` is False, and `last_gap` names the time.
    `reason` stands for changes that neither a new purchase nor a loaded month explains.
    """
    return again_on_conflict(lambda: _record(lake, now, reason))


def look_in_time(lake: Lake, now: datetime) -> None:
    """Look, if the last look is so old that what it saw may soon be deleted. For whoever is going to change gold."""
    seen = _Seen.by(lake.table(RESTATEMENTS))
    if seen is None or now - seen.at >= OLD_LOOK:
        record_restatements(lake, now)


def last_gap(lake: Lake) -> Gap | None:
    """The newest time whose restatements are unknown."""
    ledger = lake.table(RESTATEMENTS)
    since, until = (ledger.progress(name) for name in (_GAP_SINCE, _GAP_UNTIL))
    if since is None or until is None:
        return None
    return Gap(*(_EPOCH + timedelta(microseconds=moment) for moment in (since, until)))


def restatements_complete(lake: Lake, now: datetime) -> Verdict:
    """The ledger knows of every closed window that changed; a time of which it can't know fails this for a day."""
    gap = last_gap(lake)
    if gap is None:
        return Verdict(passed=True, figures={})
    figures = {"unknown_since": gap.since.isoformat(), "unknown_until": gap.until.isoformat()}
    return Verdict(now - gap.until >= GAP_SHOWN, figures)


def _record(lake: Lake, now: datetime, reason: str) -> Look:
    ledger, sales = lake.table(RESTATEMENTS), lake.table(PRODUCT_SALES)
    last = _Seen.by(ledger)
    files, rows, closed, gap = _files_of(sales), _none(), now - GRACE, dict[str, int]()
    if last is not None:
        if last.version == sales.version and last.is_held_by(sales) and now - last.at < OLD_LOOK:
            return Look(0, is_complete=True)
        try:
            before = _as_seen(lake, last, sales)
            changed = _changed(before, sales)
        except VersionGoneError:
            gap = {_GAP_SINCE: _micros(last.at), _GAP_UNTIL: _micros(now)}
        else:
            rows = _restated(lake, before, changed, last, now, reason)
            # While the stream stands still, no window closes: its events are still to come.
            if changed.is_empty() and batch_of(before) == batch_of(sales):
                closed = last.closed_until
        closed = max(closed, last.closed_until)
    _keep(sales)
    ledger.append(rows, {**_Seen(sales.version, files, now, closed).progress, **gap})
    return Look(rows.height, is_complete=not gap)


def _keep(sales: LakeTable) -> None:
    """Keep this version for as long as the log is kept, counted from now: what counts is the age of its checkpoint."""
    sales.checkpoint()
    if sales.is_local:
        # Delta Lake leaves a checkpoint alone that is there already.
        make_young(sales.folder / "_delta_log", sales.version)


def _as_seen(lake: Lake, last: _Seen, sales: LakeTable) -> LakeTable:
    """product_sales with the files that the last look saw. Raises VersionGoneError if no version has them any more."""
    try:
        before = lake.table(PRODUCT_SALES, last.version)
    except VersionGoneError:
        # Who keeps only the newest version gives it a new number.
        before = sales
    if not last.is_held_by(before):
        raise VersionGoneError(f"{PRODUCT_SALES.name} no longer has the files that the last look saw")
    return before


def _changed(before: LakeTable, after: LakeTable) -> pl.DataFrame:
    """The windows and products that differ: their key, the old measures, and the new ones as `NAME_new`."""
    old, new = (rows.select(*_KEY, *_MEASURES) for rows in rows_that_differ(before, after))
    both = old.join(new, on=_KEY, how="full", coalesce=True, suffix="_new")
    return both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _MEASURES))


def _restated(
    lake: Lake, before: LakeTable, changed: pl.DataFrame, last: _Seen, now: datetime, reason: str
) -> pl.DataFrame:
    closed = changed.filter(pl.col("window_end") <= pl.lit(last.closed_until))
    published = closed.filter(pl.col("event_date").is_in(_published(lake, before, set(closed["event_date"]))))
    if published.is_empty():
        return _none()
    named = {f"old_{name}": pl.col(name) for name in _MEASURES}
    named |= {f"new_{name}": pl.col(f"{name}_new") for name in _MEASURES}
    days = set(published["event_date"])
    is_loaded = pl.col("event_date").is_in(_loaded(lake, last.at))
    otherwise = pl.when(is_loaded).then(pl.lit("archive")).otherwise(pl.lit(reason))
    return (
        published.join(_reasons(lake, days, batch_of(before), last.at), on=["event_date", "product_id"], how="left")
        .with_columns(**named, restated_at=pl.lit(now), reason=pl.col("reason").fill_null(otherwise))
        .select(RESTATEMENTS.schema.names())
    )


def _published(lake: Lake, before: LakeTable, days: set[date]) -> list[date]:
    """Those of the days that gold held at a look: at the last one, or at an earlier one, and lost since."""
    held = set(before.days)
    if not days - held:
        return sorted(days)
    listed = ", ".join(f"DATE '{day}'" for day in sorted(days - held))
    lost = lake.table(RESTATEMENTS).read(f"event_date IN ({listed})", ["event_date"])["event_date"]
    return sorted(days & {*held, *lost})


def _reasons(lake: Lake, days: Iterable[date], covered: int, seen_at: datetime) -> pl.DataFrame:
    """Per day and product with purchases that came since: `archive`, or `late` after the batch `covered`."""
    since = f"(batch > {covered} OR (source = '{ARCHIVE}' AND {_since(seen_at)}))"
    where = f"{SILVER_PURCHASES.on_days(days)} AND {since}"
    fresh = lake.table(SILVER_PURCHASES).read(where, ["event_date", "product_id", "source"])
    reason = pl.when((pl.col("source") == ARCHIVE).any()).then(pl.lit("archive")).otherwise(pl.lit("late"))
    return fresh.group_by("event_date", "product_id").agg(reason=reason)


def _loaded(lake: Lake, seen_at: datetime) -> list[date]:
    """The days of the months that were loaded since, or are being loaded: also of lines that a file no longer has."""
    rows = lake.table(BRONZE_ARCHIVE_MONTHS).read(f"sha256 = '' OR {_since(seen_at)}", ["days"])
    return sorted(rows["days"].explode().drop_nulls().unique())


def _since(moment: datetime) -> str:
    return f"ingested_at > TIMESTAMP '{moment:%Y-%m-%dT%H:%M:%S.%fZ}'"


def _files_of(sales: LakeTable) -> int:
    files = sales.files()
    return fingerprint("\n".join(sorted(files["path"])) if files.height else "")


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=RESTATEMENTS.schema)
