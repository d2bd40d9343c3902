"""Days that an older release counted by another rule: marked after the update, and then rebuilt like unfinished ones.

Add here: which days a new rule changes. Not here: what a measure means (the `.sql` files), or how a day is rebuilt
(`unfinished_days`).
"""

import polars as pl

from assets.progress.rebuild_marks import marked
from assets.progress.source_fingerprints import rebuilt_again
from assets.progress.untold_days import untold
from assets.tables import DAILY, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake, Tables
from resources.lake_errors import again_on_conflict
from resources.table_layout import RULE

_CHANGED = {2: "price < 0"}
"""Per rule, the purchases whose days it counts otherwise than the rule before. 2: a return is no order and no buyer."""


def is_recount_due(tables: Tables) -> bool:
    """Whether a table of gold has rows that an older release computed by another rule."""
    return any(tables.table(layout).rule < layout.rule for layout in DAILY)


def mark_recounted(lake: Lake) -> None:
    """Mark the days that a new rule counts otherwise as unfinished: they are rebuilt like those of a killed backfill.

    Idempotent, and done once: the tables then have the rule's number. After a kill, the days are marked again.
    """
    oldest = min(lake.table(layout).rule for layout in DAILY)
    where = " OR ".join(changed for rule, changed in _CHANGED.items() if rule > oldest)
    days = sorted(set(lake.table(SILVER_PURCHASES).read(where or "false", ["event_date"])["event_date"]))

    def mark() -> None:
        silver = lake.table(SILVER_EVENTS)
        progress = {**rebuilt_again(silver, days), **marked(silver, days), **untold(silver, days)}
        silver.append(pl.DataFrame(schema=SILVER_EVENTS.schema), progress)

    if days:
        again_on_conflict(mark)
    for layout in DAILY:
        again_on_conflict(lambda: lake.table(layout).annotate({RULE: str(layout.rule)}))  # noqa: B023
