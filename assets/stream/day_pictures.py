"""The top products of a day as a picture in Dagster's UI, drawn every few minutes.

Add here: how often a picture is drawn. Not here: how it looks (`runs.charts`).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg

from assets.runs import charts
from assets.tables import PRODUCT_SALES_DAILY
from resources.lake_table import LakeTable

REDRAWN_AFTER = timedelta(minutes=5)
"""Drawing one takes longer than a batch."""


class DayPictures:
    """The pictures of one run."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._drawn: dict[date, tuple[datetime, dict[str, dg.MetadataValue]]] = {}

    def of(self, sold: LakeTable, day: date) -> dict[str, dg.MetadataValue]:
        """Metadata with the picture of a day, at most REDRAWN_AFTER old. `sold` is product_sales_daily."""
        now = self._clock()
        drawn = self._drawn.get(day)
        if drawn is None or now - drawn[0] >= REDRAWN_AFTER:
            drawn = self._drawn[day] = now, {"top_products": dg.MetadataValue.md(_markdown(sold, day))}
        return drawn[1]


def _markdown(sold: LakeTable, day: date) -> str:
    sales = sold.read(PRODUCT_SALES_DAILY.on_days([day]), ["product_id", "brand", "revenue", "units"])
    return charts.inline(charts.draw_top_products(sales, day, day), "top products")
