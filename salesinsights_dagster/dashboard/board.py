"""What the dashboard last saw of the lake, computed once for all viewers.

Add here: what every page shares. Not here: a figure itself (`figures`, `payment_latency`).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from assets.customers.audience import Audience
from assets.customers.audiences import members_of
from assets.gold.product_categories import categories_of_products
from assets.progress.batch_snapshot import DAYS, SALES, BatchSnapshot, batch_snapshot
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard.customers import Customers, customers_now, members_of_audience
from salesinsights_dagster.dashboard.figures import Figures, Kept, newest, sales_figures
from salesinsights_dagster.dashboard.known_notes import KnownNotes
from salesinsights_dagster.dashboard.known_views import KnownViews
from salesinsights_dagster.dashboard.live_now import LiveNow
from salesinsights_dagster.dashboard.movers import Movers, end_of_movers, movers
from salesinsights_dagster.dashboard.one_customer import OneCustomer, find_customers, one_customer
from salesinsights_dagster.dashboard.payment_latency import PaymentLatency
from salesinsights_dagster.dashboard.product_lists import ProductLists
from salesinsights_dagster.dashboard.product_names import ProductNames
from salesinsights_dagster.dashboard.products import (
    ProductCompany,
    ProductFunnel,
    ProductSales,
    company_of_product,
    find_products,
    funnel_of_product,
    sales_of_product,
)
from salesinsights_dagster.dashboard.remembered import remember
from salesinsights_dagster.dashboard.view import View

AGES = timedelta(seconds=30)
"""After this time a span's figures are recomputed and the tables loaded again, even if nothing new came."""

VALUES_AGE = timedelta(seconds=2)
"""Customers follow within minutes: no page needs them to be newer."""

CATEGORIES_KEPT = timedelta(minutes=15)
"""A product hardly ever changes its category."""

QUIET = timedelta(seconds=120)
"""A shop sells something every few seconds, and a batch comes every 30: no sale for this long may be a fault."""

_log = logging.getLogger(__name__)


class Board:
    """The newest snapshots of the lake: one for the last hour, and one for spans of days, a few seconds older.

    One loop calls `look`; any thread may call the rest.
    """

    def __init__(
        self,
        lake: Lake,
        clock: Callable[[], datetime],
        window_seconds: int,
        zone: str = "UTC",
        currency: str | None = None,
    ) -> None:
        self.lake = lake
        self.zone, self.currency = zone, currency
        self.clock = clock
        self.latency = PaymentLatency()
        self.names = ProductNames()
        self.notes = KnownNotes(lake, clock)
        self.views = KnownViews(lake, clock)
        self._live_now = LiveNow()
        self.lists = ProductLists(lake)
        self.error: str | None = None
        self.looked_at: datetime | None = None
        self.last_payment: datetime | None = None
        """When Kafka got the newest payment; None before the first. History from the archive is none."""
        self._loaded_at: datetime | None = None
        self.window_seconds = window_seconds
        self._live: BatchSnapshot | None = None
        self._days: BatchSnapshot | None = None
        self._figures: dict[View, tuple[object, Figures]] = {}
        self._kept = Kept()
        self._movers: dict[View, tuple[object, Movers]] = {}
        self._kept_of_movers = Kept()
        self._categories: tuple[datetime | None, pl.DataFrame] = None, pl.DataFrame()
        self._computing = threading.Lock()
        self._moving = threading.Lock()
        self._valuing = threading.Lock()
        self._customers: tuple[datetime | None, Customers | None] = None, None
        self._told: list[Callable[[pl.Series], object]] = []

    def on_payments(self, tell: Callable[[pl.Series], object]) -> None:
        """Call `tell` with the waits, in seconds, of the payments that each look brings."""
        self._told.append(tell)

    def look(self) -> None:
        """Take in what the lake holds now. If it can't be read, `error` says so, and the next look tries again."""
        now = self.clock()
        try:
            is_old = self._loaded_at is None or now - self._loaded_at > AGES
            days = self._newest(self._days, DAYS, CUSTOMER_DAYS, is_old=is_old)
            live = self._newest(self._live, SALES, PRODUCT_SALES, is_old=is_old)
            if live is not self._live:
                waits = self.latency.follow(live, self.clock())
                for tell in self._told:
                    tell(waits)
                self.last_payment = _last_payment(live)
            if is_old:
                self.names.refresh(self.lake)
                self.notes.refresh()
                self.views.refresh()
            with self._computing:
                self._days, self._live = days, live
        except LakeError as error:
            if self.error is None:
                _log.warning("the lake can't be read: %s", error)
            self.error = str(error)
            return
        self.error, self.looked_at = None, now
        self._loaded_at = now if is_old else self._loaded_at

    def _newest(
        self, seen: BatchSnapshot | None, layouts: Sequence[TableLayout], last: TableLayout, *, is_old: bool
    ) -> BatchSnapshot:
        """`seen`, or a newer snapshot if there is one. All tables are loaded if `last`, written last, has moved."""
        if seen is not None and not is_old and self.lake.table(last).version == seen.table(last).version:
            return seen
        found = batch_snapshot(self.lake, layouts)
        return seen if seen is not None and found.versions == seen.versions else found

    def figures(self, view: View) -> Figures | None:
        """The figures of a view, recomputed if they are old; None before the first look."""
        view = view.at(self.zone)
        with self._computing:
            now, gold = self.clock(), self._days if view.shown.days else self._live
            if gold is None:
                return None
            seen, figures = newest(gold, view, now, self.window_seconds, self._kept), None
            if view in self._figures:
                shown, figures = self._figures[view]
            if figures is None or shown != seen or (seen is gold and now - figures.end > AGES):
                categories = self._categories_at(now) if view.category is not None else None
                figures = sales_figures(gold, view, now, self.window_seconds, self._kept, categories)
                remember(self._figures, view, (seen, figures))
            return figures

    def movers(self, view: View) -> Movers | None:
        """What rose and fell the most in the span of a view; None before the first look.

        Found again when a whole minute or quarter of an hour is over, while the figures go on; as long as they are not
        known, with the next batch. Raises LakeError if the lake can't be read.
        """
        with self._moving:
            now, gold = self.clock(), self._days
            if gold is None:
                return None
            view = replace(view.at(self.zone), compare="before")
            of, known = self._movers.get(view, (None, None))
            if known is None or of != _basis(known, gold, view, now):
                known = movers(gold, view, now, self.window_seconds, self._categories_at(now), self._kept_of_movers)
                remember(self._movers, view, (_basis(known, gold, view, now), known))
            return known

    def live_now(self, *, wait: bool = True) -> pl.DataFrame | None:
        """`LiveNow.figures` of the lake as it is now. Raises LakeError if it can't be read."""
        return self._live_now.figures(self.lake, self.clock(), wait=wait)

    def _categories_at(self, now: datetime) -> pl.DataFrame:
        at, categories = self._categories
        if at is None or categories.is_empty() or now - at > CATEGORIES_KEPT:
            categories = categories_of_products(self.lake, now)
            self._categories = now, categories
        return categories

    def find_products(self, wanted: str) -> pl.DataFrame:
        """`products.find_products` on the newest snapshot. Raises LookupError before the first look."""
        return find_products(self._seen(), wanted, self.clock(), self.names.matching(wanted))

    def product(self, product_id: int) -> ProductSales:
        """`products.sales_of_product` on the newest snapshot. Raises LookupError before the first look."""
        gold = self._seen()
        with self._computing:
            return sales_of_product(gold, product_id, self.clock(), ZoneInfo(self.zone), self._kept)

    def funnel(self, product_id: int) -> ProductFunnel:
        """`products.funnel_of_product` on the lake as it is now. Raises LakeError if it can't be read."""
        return funnel_of_product(self.lake, product_id, self.clock())

    def company(self, product_id: int) -> ProductCompany:
        """`products.company_of_product` on the lake as it is now. Raises LakeError if it can't be read."""
        return company_of_product(self.lake, product_id)

    def customers(self) -> Customers:
        """The figures about customers, computed once for all viewers. Raises LakeError if they can't be read.

        The tables are loaded every two seconds at most, however many ask.
        """
        with self._valuing:
            at, known = self._customers
            now = self.clock()
            if known is None or at is None or now - at >= VALUES_AGE:
                known = customers_now(self.lake, known)
                self._customers = now, known
            return known

    def customer(self, user_id: int) -> OneCustomer:
        """`one_customer` on the lake as it is now. Raises LakeError if it can't be read."""
        return one_customer(self.lake, user_id)

    def find_customers(self, wanted: str) -> pl.DataFrame:
        """`find_customers` on the lake as it is now. Raises LakeError if it can't be read."""
        return find_customers(self.lake, wanted)

    def members(self, segment: str) -> pl.DataFrame:
        """Who is in a segment now, as an audience: one row per customer. Raises LakeError if it can't be read."""
        return members_of(self.lake, Audience(segment=(segment,)))

    def audience(self, name: str) -> pl.DataFrame:
        """`members_of_audience` on the lake as it is now. Raises LakeError if it can't be read."""
        return members_of_audience(self.lake, name)

    @property
    def batch(self) -> int | None:
        """The newest batch that is shown; None before the first look."""
        return None if self._live is None else self._live.batch

    def _seen(self) -> BatchSnapshot:
        with self._computing:
            if self._days is None:
                raise LookupError(self.error or "the dashboard has not looked at the lake yet: try again in a second")
            return self._days

    @property
    def is_ready(self) -> bool:
        return self._live is not None


def _basis(known: Movers, gold: BatchSnapshot, view: View, now: datetime) -> tuple[object, ...]:
    """What movers were found from: if it is the same, they need not be found again."""
    return end_of_movers(view.shown, now), gold.versions if known.why else None


def _last_payment(gold: BatchSnapshot) -> datetime | None:
    """By the statistics of the files of all days: a payment may say that it happened long ago."""
    files, kept = gold.table(SILVER_PURCHASES).files(), "max.kafka_timestamp"
    found = files[kept].max() if kept in files.columns else None
    return found.astimezone(UTC) if isinstance(found, datetime) else None
