"""What the dashboard last saw of the lake, computed once for all viewers.

Add here: what every page shares. Not here: a figure itself (`figures`, `payment_latency`).
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot, batch_snapshot
from assets.tables import DAILY, PRODUCT_SALES
from resources.lake import Lake
from resources.lake_table import LakeError
from salesinsights_dagster.dashboard.customers import Customers, customers_now
from salesinsights_dagster.dashboard.figures import Figures, sales_figures
from salesinsights_dagster.dashboard.payment_latency import PaymentLatency
from salesinsights_dagster.dashboard.products import (
    ProductFunnel,
    ProductSales,
    find_products,
    funnel_of_product,
    sales_of_product,
)
from salesinsights_dagster.dashboard.spans import SPANS

AGES = timedelta(seconds=30)
"""After this time a span's figures are recomputed and the tables loaded again, even if nothing new came."""

STALE = timedelta(seconds=120)
"""A shop sells something every few seconds, and a batch comes every 30: no sale for this long looks like a fault."""

_log = logging.getLogger(__name__)


class Board:
    """The newest snapshot of the lake. One loop calls `look`; any thread may call the rest."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime], window_seconds: int) -> None:
        self.lake = lake
        self.clock = clock
        self.latency = PaymentLatency()
        self.error: str | None = None
        self.looked_at: datetime | None = None
        self.last_sale: datetime | None = None
        self._loaded_at: datetime | None = None
        self._window_seconds = window_seconds
        self._gold: BatchSnapshot | None = None
        self._figures: dict[str, Figures] = {}
        self._computing = threading.Lock()
        self._customers: Customers | None = None
        self._told: list[Callable[[pl.Series], object]] = []

    def on_payments(self, tell: Callable[[pl.Series], object]) -> None:
        """Call `tell` with the waits, in seconds, of the payments that each look brings."""
        self._told.append(tell)

    def look(self) -> None:
        """Take in what the lake holds now. If it can't be read, `error` says so, and the next look tries again."""
        now = self.clock()
        try:
            gold = batch_snapshot(self.lake) if self._may_have_moved(now) else self._gold
            if gold is not None and (self._gold is None or gold.versions != self._gold.versions):
                waits = self.latency.follow(gold, self.clock())
                for tell in self._told:
                    tell(waits)
                with self._computing:
                    self._gold, self._figures, self.last_sale = gold, {}, _last_sale(gold)
        except LakeError as error:
            if self.error is None:
                _log.warning("the lake can't be read: %s", error)
            self.error = str(error)
            return
        self.error, self.looked_at = None, now

    def _may_have_moved(self, now: datetime) -> bool:
        """Whether all tables must be loaded: the last table of a batch has moved, or the last load is too old."""
        if self._gold is None or self._loaded_at is None or now - self._loaded_at > AGES:
            self._loaded_at = now
            return True
        last = DAILY[-1]
        if self.lake.table(last).version == self._gold.table(last).version:
            return False
        self._loaded_at = now
        return True

    def figures(self, name: str) -> Figures | None:
        """The figures of the span of this name, recomputed if they are old; None before the first look."""
        with self._computing:
            if self._gold is None:
                return None
            now, known = self.clock(), self._figures.get(name)
            if known is None or now - known.end > AGES:
                known = sales_figures(self._gold, SPANS[name], now, self._window_seconds)
                self._figures[name] = known
            return known

    def find_products(self, wanted: str) -> pl.DataFrame:
        """`products.find_products` on the newest snapshot. Raises LookupError before the first look."""
        return find_products(self._seen(), wanted, self.clock())

    def product(self, product_id: int) -> ProductSales:
        """`products.sales_of_product` on the newest snapshot. Raises LookupError before the first look."""
        return sales_of_product(self._seen(), product_id, self.clock())

    def funnel(self, product_id: int) -> ProductFunnel:
        """`products.funnel_of_product` on the lake as it is now. Raises LakeError if it can't be read."""
        return funnel_of_product(self.lake, product_id, self.clock())

    def customers(self) -> Customers:
        """The figures about customers now, computed once for all viewers. Raises LakeError if they can't be read."""
        with self._computing:
            self._customers = customers_now(self.lake, self._customers)
            return self._customers

    @property
    def batch(self) -> int | None:
        """The newest batch that is shown; None before the first look."""
        return None if self._gold is None else self._gold.batch

    def _seen(self) -> BatchSnapshot:
        with self._computing:
            if self._gold is None:
                raise LookupError(self.error or "the dashboard has not looked at the lake yet: try again in a second")
            return self._gold

    @property
    def is_ready(self) -> bool:
        return self._gold is not None


def _last_sale(gold: BatchSnapshot) -> datetime | None:
    """When the newest sale of the newest day was read from Kafka, by the statistics of gold's files."""
    files = gold.table(PRODUCT_SALES).files()
    if files.is_empty():
        return None
    newest = files.filter(pl.col("partition.event_date") == pl.col("partition.event_date").max())
    found = newest["max.updated_at"].max()
    return found.astimezone(UTC) if isinstance(found, datetime) else None
