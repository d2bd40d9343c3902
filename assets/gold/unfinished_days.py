"""Days that a killed backfill rebuilt in silver and did not bring to gold: found by their marks, and finished.

Add here: how such a day is finished. Not here: how it is marked (`assets.progress.rebuild_marks`).
"""

from datetime import date
from itertools import groupby

from assets.gold.gold import rebuild_gold
from assets.progress.rebuild_marks import abandoned_days, finishing
from assets.silver.purchases import rebuild_purchases
from assets.tables import DAILY
from resources.lake import Lake


def finish_days(lake: Lake, window_seconds: int) -> list[date]:
    """Bring abandoned days from silver to gold, a month at a time; returns them.

    Idempotent. If it is killed, or a day is rebuilt meanwhile, the next call finishes the rest.
    """
    days = abandoned_days(lake)
    for _, month in groupby(days, key=lambda day: (day.year, day.month)):
        some = list(month)
        with finishing(lake, some, rebuilds=0):
            rebuild_purchases(lake, some)
            rebuild_gold(lake, DAILY, some, window_seconds)
    return days
