"""Segments by month: how many customers each has and what they are worth, and who became what since the month before.

The running month is that of customer_value. A month that is over is computed from the purchases up to its end: once,
and again, with the months after it, if purchases of it came later or the rules changed.
Add here: how the two tables follow. Not here: what a segment is (`segments`), or a customer's value (`customer_value`).
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import polars as pl

from assets.customers.clv_model import model_of_day
from assets.customers.customer_value import AT_ONCE, scored
from assets.customers.past_value import past_value
from assets.customers.purchase_history import history_of, purchase_history
from assets.customers.segment_rules import SegmentRules, built_in
from assets.progress.source_fingerprints import REBUILDS, day_rows, fingerprint
from assets.tables import CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE, SEGMENT_MOVES, SEGMENTS
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

CLOSED, OLDER = "closed_months", "older_months"
"""The progress that holds fingerprints of the months that are over, and of all of them but the last one."""

RULES = "segment_rules"
"""The progress that holds a fingerprint of the rules."""

NO_CUSTOMER = "no customer yet"
"""What somebody was before the month of their first purchase."""

_READ = ("user_id", "segment", "revenue", "near_predicted_value", "as_of")


def segments_are_behind(lake: Lake, rules: SegmentRules) -> bool:
    """Whether customer_value or the rules have changed since the tables were computed."""
    table, value = lake.table(SEGMENTS), lake.table(CUSTOMER_VALUE)
    return (table.progress(CUSTOMER_VALUE.name) or 0) != value.version or (
        table.rows > 0 and table.progress(RULES) != rules.fingerprint
    )


def refresh_segments(lake: Lake, rules: SegmentRules | None = None) -> int:
    """Refresh both tables from customer_value and customer_days; return the rows of gold/segments. Idempotent."""
    return again_on_conflict(lambda: _refresh(lake, rules or built_in()))


def clear_segments(lake: Lake) -> None:
    """Empty both tables. The next refresh computes all of them."""

    def clear() -> None:
        for layout in (SEGMENT_MOVES, SEGMENTS):
            progress = {CLOSED: 0, OLDER: 0, CUSTOMER_VALUE.name: 0}
            lake.table(layout).replace(pl.DataFrame(schema=layout.schema), None, progress)

    again_on_conflict(clear)


def _refresh(lake: Lake, rules: SegmentRules) -> int:
    table, moves = lake.table(SEGMENTS), lake.table(SEGMENT_MOVES)
    value, days = lake.table(CUSTOMER_VALUE), lake.table(CUSTOMER_DAYS)
    now = value.read(columns=_READ)
    if now.is_empty():
        return table.rows
    as_of: date = now.item(0, "as_of")
    closed = _closed_months(days, as_of)
    older, all_of = (_print(days, rules, closed[:count]) for count in (max(len(closed) - 1, 0), len(closed)))
    done = len(closed) if table.progress(CLOSED) == all_of else 0
    if not done and closed and older in (table.progress(CLOSED), table.progress(OLDER)):
        done = len(closed) - 1
    new = _Months(lake, days, rules).since(closed, done)
    ends = dict(zip(closed[done:], new[1:], strict=True))
    shown, moved = [], []
    before = new[0]
    for month, state in {**ends, _first(as_of): now}.items():
        shown.append(_counted(state, rules, month))
        moved.append(_moved(before, state, month))
        before = state
    known = set(closed[:done])
    for one, rows in ((moves, moved), (table, shown)):
        kept = one.read().filter(pl.col("month").is_in(sorted(known)))
        progress = {CLOSED: all_of, OLDER: older, CUSTOMER_VALUE.name: value.version, RULES: rules.fingerprint}
        one.replace(pl.concat([kept, *rows]), None, progress)
    return table.rows


class _Months:
    """The segment of each customer at the end of months that are over."""

    def __init__(self, lake: Lake, days: LakeTable, rules: SegmentRules) -> None:
        self._lake, self._days, self._rules = lake, days, rules

    def since(self, closed: list[date], done: int) -> list[pl.DataFrame]:
        """The states at the end of the last month that is done, and of each one after it: rows of _READ."""
        until = _end(closed[done - 1]) if done else None
        parts = [purchase_history(self._lake, self._days, until)] if until else []
        states = [self._state(parts, until)]
        for month in closed[done:]:
            within = f"event_date >= DATE '{month}' AND event_date <= DATE '{_end(month)}'"
            parts.append(history_of(self._days.read(within)))
            states.append(self._state(parts, _end(month)))
        return states

    def _state(self, parts: list[pl.DataFrame], until: date | None) -> pl.DataFrame:
        past = past_value(pl.concat(parts)) if parts else None
        if past is None or past.is_empty():
            return pl.DataFrame(schema={name: CUSTOMER_VALUE.schema[name] for name in _READ})
        known = model_of_day(self._lake.table(CLV_MODEL), until)
        slices = past.iter_slices(AT_ONCE)
        return pl.concat(scored(some, known.model, known.version, self._rules).select(_READ) for some in slices)


def _counted(state: pl.DataFrame, rules: SegmentRules, month: date) -> pl.DataFrame:
    """A row per segment, also of those that nobody is in."""
    listed = pl.DataFrame(
        {
            "position": range(1, len(rules.segments) + 1),
            "segment": [segment.name for segment in rules.segments],
            "is_active": [segment.active for segment in rules.segments],
            "definition": [rules.definition(segment) for segment in rules.segments],
            "action": [segment.action for segment in rules.segments],
        }
    )
    counted = state.group_by("segment").agg(
        pl.len().alias("customers"),
        pl.col("revenue").sum(),
        pl.when(pl.col("near_predicted_value").count() > 0)
        .then(pl.col("near_predicted_value").sum())
        .alias("expected_value"),
    )
    as_of = state.item(0, "as_of") if state.height else None
    joined = listed.join(counted, on="segment", how="left").with_columns(
        pl.col("customers", "revenue").fill_null(0), month=pl.lit(month), as_of=pl.lit(as_of)
    )
    shares = joined.with_columns(share=_share("customers"), revenue_share=_share("revenue"))
    return shares.select(SEGMENTS.schema.names()).cast(SEGMENTS.schema)


def _share(name: str) -> pl.Expr:
    of_all = pl.col(name).sum().cast(pl.Float64)
    return pl.when(of_all > 0).then((pl.col(name).cast(pl.Float64) / of_all).round(6))


def _moved(before: pl.DataFrame, now: pl.DataFrame, month: date) -> pl.DataFrame:
    former = before.select("user_id", from_segment="segment")
    joined = now.join(former, on="user_id", how="left").with_columns(pl.col("from_segment").fill_null(NO_CUSTOMER))
    counted = joined.group_by("from_segment", to_segment="segment").agg(
        pl.len().alias("customers"), pl.col("revenue").sum()
    )
    return (
        counted.with_columns(month=pl.lit(month))
        .select(SEGMENT_MOVES.schema.names())
        .cast(SEGMENT_MOVES.schema)
        .sort("from_segment", "to_segment")
    )


def _closed_months(days: LakeTable, as_of: date) -> list[date]:
    """The months from the first one with a purchase to the one before that of `as_of`, as their first days."""
    month, found = _first(min(day_rows(days))), []
    while month < _first(as_of):
        found.append(month)
        month = _end(month) + timedelta(days=1)
    return found


def _print(days: LakeTable, rules: SegmentRules, months: Iterable[date]) -> int:
    """A fingerprint of what the rows of these months are computed from, but for the model."""
    months = set(months)
    held: Mapping[date, object] = {day: rows for day, rows in day_rows(days).items() if _first(day) in months}
    return fingerprint(f"{sorted(months)} {held} {days.progress(REBUILDS) or 0} {rules.fingerprint}")


def _first(day: date) -> date:
    return day.replace(day=1)


def _end(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
