"""A user who wants to be forgotten: every row about them leaves the lake, and none comes back.

The lake keeps a hash of the user's number and the moment of forgetting. An event from before it is dropped, wherever it
comes from; an event after it is a new one.
Add here: what must be gone. Not here: where it is found (`user_search`), how a table is rewritten
(`resources.lake_table`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from assets.bronze.fences import FROM_BRONZE, fence_off
from assets.bronze.forgotten_users import user_hash
from assets.customers.customer_value import refresh_customer_value
from assets.customers.sales_outlook import clear_outlook
from assets.customers.segment_months import clear_segments
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import FORGOTTEN, record_restatements
from assets.products.bought_together import refresh_bought_together
from assets.products.category_sales import refresh_category_sales
from assets.products.product_outlook import refresh_product_outlook
from assets.products.repurchases import refresh_repurchases
from assets.progress.kept_parts import drop_parts
from assets.progress.rebuild_marks import finishing
from assets.silver.month_counts import recount_months
from assets.silver.removal import release_refused, remove_messages, restate_batches, settled_conflicts
from assets.silver.silver import PLACE, rebuild_silver
from assets.tables import (
    ARCHIVE,
    BRONZE_EVENTS,
    CUSTOMER_VALUE,
    DAILY,
    FORGOTTEN_USERS,
    TABLES,
    USER_FEATURES,
    VISITOR_TABLES,
)
from assets.upkeep.user_search import Found, search, shared_sessions
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from assets.visitors.day_index import drop_indexes
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

KEPT = tuple(table for table in TABLES.values() if table.keeps_users)
"""The tables that are not recomputed: the user's rows are deleted from them, and what is left in customer_value."""


@dataclass(frozen=True)
class Forgotten:
    """What was removed, and what a second search still finds.

    - `found`: rows by table, before; `left`: rows by table, after: none, unless something went wrong.
    - `rows`: the rows of bronze, and `days` those of all tables, this time and in earlier runs.
    - `undecided`: refused messages that nothing can read, by reason: whether they are about the user is not known.
    - `sessions`: other users with events in the user's visits, which stay: `user_id` and `events`.
    - `exports`: the days whose features were made, and perhaps written to a file, with the user in them.
    """

    rows: int
    days: list[date]
    found: Mapping[str, int]
    left: Mapping[str, int]
    undecided: Mapping[str, int]
    sessions: pl.DataFrame
    exports: list[date]


@dataclass(frozen=True)
class _Trace:
    """What has to be rebuilt for a user. Kept until all of it is, since bronze no longer holds their rows."""

    days: list[date]
    batches: list[int]
    months: list[int]

    def with_rows(self, found: Found) -> "_Trace":
        places = pl.concat([rows.select(*PLACE, "batch") for rows in (found.messages, found.refused, found.events)])
        from_archive = pl.col("source") == ARCHIVE
        return _Trace(
            sorted({*self.days, *found.days}),
            sorted({*self.batches, *places.filter(~from_archive)["batch"]}),
            sorted({*self.months, *places.filter(from_archive)["partition"]}),
        )


def forget(lake: Lake, user_id: int, now: datetime, window_seconds: int) -> Forgotten:
    """Remove every row about a user: messages and lines, refused ones that name the user, and what was made of them.

    Rewrites the files that hold these rows, and the ledgers of the batches and months that brought them. Then deletes
    all older versions of every table, from disk and from the logs, and searches again. A second run finds nothing more;
    one that was cut short is completed by the next. Kafka keeps its messages until their retention ends.

    Anything else may run meanwhile: see `assets.bronze.fences`.
    """
    record_restatements(lake, now)
    _remember(lake, user_id, now)
    fence_off(lake, BRONZE_EVENTS)
    found, sessions, exports = again_on_conflict(
        lambda: (search(lake, user_id), shared_sessions(lake, user_id), _exported(lake, user_id))
    )
    trace = _remember(lake, user_id, now, found)
    theirs = pl.concat([found.refused.select(PLACE), found.messages.filter("is_event").select(PLACE)])
    release_refused(lake, theirs)
    for day in sorted(set(found.messages["event_date"])):
        remove_messages(lake, found.messages.filter(event_date=day), day)
    fence_off(lake, BRONZE_EVENTS, *FROM_BRONZE)
    # Whoever had read these messages before may have refused them since.
    release_refused(lake, theirs)
    if trace.days:
        with finishing(lake, trace.days, rebuilds=1):
            rebuild_silver(lake, trace.days)
            rebuild_gold(lake, DAILY, trace.days, window_seconds)
        settled = settled_conflicts(lake, trace.days)
        trace = _remember(lake, user_id, now, batches=settled["batch"].to_list())
        release_refused(lake, settled.select(PLACE))
        fence_off(lake, CUSTOMER_VALUE, *VISITOR_TABLES)
        refresh_customer_value(lake)
        for layout in VISITOR_TABLES:
            list(refresh_days(lake, layout, trace.days))
        refresh_cohorts(lake)
        refresh_category_sales(lake, trace.days)
        refresh_product_outlook(lake)
        refresh_bought_together(lake)
        refresh_repurchases(lake)
        clear_segments(lake)
        clear_outlook(lake)
    for layout in (*KEPT, CUSTOMER_VALUE):
        _remove_kept(lake, layout, user_id)
    restate_batches(lake, [batch for batch in trace.batches if batch > 0])
    recount_months(lake, trace.months)
    drop_indexes(lake)
    drop_parts(lake)
    record_restatements(lake, now, FORGOTTEN)
    lake.at_once(lambda layout: again_on_conflict(lambda: lake.table(layout).purge()), TABLES.values())
    # The version that the next look would compare with is gone; the one that is left has the same files.
    record_restatements(lake, now)
    again = again_on_conflict(lambda: search(lake, user_id))
    return Forgotten(found.messages.height, trace.days, found.rows, again.rows, again.undecided, sessions, exports)


def _exported(lake: Lake, user_id: int) -> list[date]:
    """The days whose features hold the user."""
    return lake.table(USER_FEATURES).read(f"user_id = {user_id}", ["as_of"])["as_of"].unique().sort().to_list()


def _remember(
    lake: Lake, user_id: int, now: datetime, found: Found | None = None, batches: Sequence[int] = ()
) -> _Trace:
    """Put the user on the list, with all that has to be rebuilt: what earlier runs left, and what was found now.

    `batches` are those whose ledger has to be recounted for what others had refused.
    """
    user = user_hash(user_id)
    return again_on_conflict(lambda: _listed(lake.table(FORGOTTEN_USERS), user, now, found, batches))


def _listed(table: LakeTable, user: str, now: datetime, found: Found | None, batches: Sequence[int]) -> _Trace:
    where = f"user_hash = '{user}'"
    held = table.read(where, ["days", "batches", "months", "forgotten_at"])
    *known, before = held.row(0) if held.height else ([], [], [], now)
    trace = _Trace(*known).with_rows(found) if found else _Trace(*known)
    trace = replace(trace, batches=sorted({*trace.batches, *batches}))
    # The clock may have been set back since.
    row = {"user_hash": user, "forgotten_at": max(before, now), **vars(trace)}
    table.replace(pl.DataFrame([row], schema=FORGOTTEN_USERS.schema), where, {})
    return trace


def _remove_kept(lake: Lake, layout: TableLayout, user_id: int) -> None:
    def remove() -> None:
        table, where = lake.table(layout), f"user_id = {user_id}"
        # Whoever computes rows from what was there before can't commit them after this.
        table.fence_off(table.fence)
        if table.read(where, ["user_id"]).height:
            table.replace(pl.DataFrame(schema=layout.schema), where, {})

    again_on_conflict(remove)
