"""The numbers behind the charts over HTTP: JSON or CSV, read-only, chosen by parameters; /openapi.json describes them.

Money is text, so that no digit is lost. Add here: the numbers of a chart. Not here: how they are computed (`figures`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from assets.stream.checks import LATENCY_LIMIT
from assets.tables import CUSTOMER_VALUE
from salesinsights_dagster.dashboard.answers import LATER as _LATER
from salesinsights_dagster.dashboard.answers import ROWS_ANSWER as _ROWS
from salesinsights_dagster.dashboard.answers import WRONG as _WRONG
from salesinsights_dagster.dashboard.answers import Format, Trouble
from salesinsights_dagster.dashboard.answers import answered as _asked
from salesinsights_dagster.dashboard.answers import rows_answer as _rows
from salesinsights_dagster.dashboard.asked_view import Asked, PlainRoute
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.figures import Figures
from salesinsights_dagster.dashboard.notes_api import note_routes
from salesinsights_dagster.dashboard.one_customer import OneCustomer
from salesinsights_dagster.dashboard.product_lists import WITHIN, ListName
from salesinsights_dagster.dashboard.stream_health import HealthWatch, history_loaded_at
from salesinsights_dagster.dashboard.view import View
from salesinsights_dagster.dashboard.views_api import view_routes

ProductId = Annotated[int, Path(ge=-(2**63), lt=2**63)]
UserId = Annotated[int, Path(ge=-(2**63), lt=2**63)]


_NO_AUDIENCE: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "Nobody is in an audience of that name"}
}
_NO_SEGMENT: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "There is no segment of that name"}
}
_ALSO_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **_LATER}
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
"""What FastAPI can't see in a route that makes its own answer."""


class Totals(BaseModel):
    """The totals of a span, and of the time that it is compared with; empty if nothing was sold.

    `change` is in per cent, null where it can't be said; `incomparable` says why nothing can be compared. `forecast` is
    the revenue that is expected of today, or null.
    """

    span: str
    start: datetime
    end: datetime
    compare: str
    before_start: datetime
    before_end: datetime
    totals: dict[str, str | int | None]
    before: dict[str, str | int | None]
    change: dict[str, str | None]
    incomparable: str | None
    forecast: str | None


class Clocks(BaseModel):
    """Up to when the figures of a page hold; null where there is nothing yet.

    `last_payment_at`: when Kafka got the newest payment. `customers_as_of`: the newest day with a purchase that
    customers are computed up to, at `customers_computed_at`; `customers_behind`: newer purchases follow within minutes.
    `history_loaded_at`: when a month was last loaded from its file.
    """

    last_payment_at: datetime | None
    customers_as_of: date | None
    customers_computed_at: datetime | None
    customers_behind: bool
    carts_computed_at: datetime | None
    history_loaded_at: datetime | None


class Latency(BaseModel):
    """Seconds from a payment's append to Kafka to this dashboard: the last hour, since the dashboard started."""

    last_sale_at: datetime | None
    allowed_seconds: float
    figures: dict[str, float | int]


def all_routes(board: Board, watch: HealthWatch, metrics: CollectorRegistry) -> Sequence[APIRouter]:
    """Every address of the API."""
    of_board = (sales_routes(board), mover_routes(board), product_routes(board), customer_routes(board))
    return [*of_board, note_routes(board), view_routes(board), health_routes(watch), monitoring_routes(board, metrics)]


def sales_routes(board: Board) -> APIRouter:
    """The numbers of the Live page."""
    router = APIRouter(prefix="/api", tags=["sales"], route_class=PlainRoute, responses=_WRONG)

    @router.get("/totals", response_model=Totals, responses=_ALSO_CSV)
    def totals(view: Asked, format: Format = "json") -> Totals | Response:
        """Revenue, refunds, units, products, orders, buyers and average order value, and how they changed."""
        figures = _figures(board, view)
        if format == "csv":
            return _rows(_beside(figures), format)
        now, before = (_jsonable(row) for row in (figures.totals, figures.before))
        change = {name: figures.change(name) for name in before}
        expected = figures.forecast.total
        return Totals(
            span=view.span, start=figures.start, end=figures.end,
            compare=view.compare, before_start=figures.other_start, before_end=figures.other_end,
            totals=now, before=before, change={name: None if by is None else str(by) for name, by in change.items()},
            incomparable=figures.incomparable, forecast=None if expected is None else str(expected),
        )  # fmt: skip

    @router.get("/top-products", responses=_ROWS)
    def top_products(view: Asked, format: Format = "json") -> Response:
        """The 20 products with the most revenue: product_id, brand, revenue, units."""
        return _rows(board.names.named(_figures(board, view).top), format)

    @router.get("/over-time", responses=_ROWS)
    def over_time(view: Asked, format: Format = "json") -> Response:
        """By bucket of time: bucket_start, revenue, units, orders, buyers, other_revenue (then), and forecast."""
        return _rows(_figures(board, view).over_time, format)

    @router.get("/latency", response_model=Latency, responses=_ALSO_CSV)
    def latency(format: Format = "json") -> Latency | Response:
        """How long payments take to reach this dashboard."""
        found = Latency(last_sale_at=board.last_payment, allowed_seconds=LATENCY_LIMIT, figures=board.latency.figures())
        if format == "csv":
            row = {"last_sale_at": found.last_sale_at, "allowed_seconds": LATENCY_LIMIT, **found.figures}
            return _rows(pl.DataFrame([row]), format)
        return found

    @router.get("/clocks", response_model=Clocks, responses=_ALSO_CSV)
    def clocks(format: Format = "json") -> Clocks | Response:
        """Up to when payments, customers, carts and history are shown."""
        found = _asked(board.customers)
        shown = Clocks(
            last_payment_at=board.last_payment,
            customers_as_of=found.as_of,
            customers_computed_at=found.customers_at,
            customers_behind=found.is_behind,
            carts_computed_at=found.carts_at,
            history_loaded_at=_asked(lambda: history_loaded_at(board.lake)),
        )
        return _rows(pl.DataFrame([dict(shown)]), format) if format == "csv" else shown

    return router


def mover_routes(board: Board) -> APIRouter:
    """The numbers of the movers and of Live now."""
    router = APIRouter(prefix="/api", tags=["sales"], route_class=PlainRoute, responses=_WRONG)

    @router.get("/movers", responses=_ROWS)
    def movers(
        view: Asked, by: Literal["product", "brand", "category"] = "product", format: Format = "json"
    ) -> Response:
        """What rose and fell the most: revenue, usual, change and per_cent, the largest rise first."""
        found = _asked(lambda: board.movers(view))
        if found is None:
            raise HTTPException(503, _not_yet(board))
        return _rows(board.names.named(found.levels[by]), format)

    @router.get("/live-now", responses=_ROWS)
    def live_now(format: Format = "json") -> Response:
        """The last 5 and 60 minutes of the whole shop: minutes, since, until, visitors, visitors_with_cart, cart_value,
        buyers, units, revenue, and conversion, the buyers per 100 visitors."""
        found = _asked(board.live_now)
        if found is None:
            raise HTTPException(503, _not_yet(board))
        return _rows(found, format)

    return router


def product_routes(board: Board) -> APIRouter:
    """The numbers of the Product page."""
    router = APIRouter(prefix="/api/products", tags=["products"], route_class=PlainRoute, responses=_WRONG)

    @router.get("", responses=_ROWS)
    def products(search: str = "", format: Format = "json") -> Response:
        """The top 20 by revenue of 30 days whose number starts with `search`, or whose name or brand has it."""
        return _rows(_asked(lambda: board.names.named(board.find_products(search))), format)

    @router.get("/{name}", responses=_ROWS)
    def products_of_list(
        name: ListName, within: Annotated[int, Query(ge=0, le=3650)] = WITHIN, format: Format = "json"
    ) -> Response:
        """Products of the catalogue, as gold/product_outlook has them: those whose stock runs out `within` so many
        days, those that were never sold, those that were not sold for 30 days, and those with a known margin."""
        return _rows(_asked(lambda: board.lists.get(name, within)), format)

    @router.get("/{product_id}/outlook", responses=_ROWS)
    def outlook(product_id: ProductId, format: Format = "json") -> Response:
        """A product's stock, pace and margin: its row of gold/product_outlook, if the catalogue has it."""
        return _rows(_asked(lambda: board.lists.of(product_id)), format)

    @router.get("/{product_id}/funnel", responses=_ROWS)
    def funnel(product_id: ProductId, format: Format = "json") -> Response:
        """From view to purchase in 30 days: step, events, per_100_views."""
        return _rows(_asked(lambda: board.funnel(product_id).steps), format)

    @router.get("/{product_id}/together", responses=_ROWS)
    def together(product_id: ProductId, format: Format = "json") -> Response:
        """What is bought with a product: other_product_id, other_brand, orders_together, confidence, lift."""
        return _rows(_asked(lambda: board.company(product_id).others), format)

    @router.get("/{product_id}/again", responses=_ROWS)
    def again(product_id: ProductId, format: Format = "json") -> Response:
        """How soon customers bought a product again: the row of gold/repurchases, if anybody did."""
        return _rows(_asked(lambda: board.company(product_id).again), format)

    @router.get("/{product_id}/{part}", responses=_ROWS)
    def product(
        product_id: ProductId,
        part: Literal["days", "windows"],
        format: Format = "json",
    ) -> Response:
        """A product's sales by day (30 days) or by window (today): units, orders, buyers, revenue, refunds."""
        return _rows(_asked(lambda: getattr(board.product(product_id), part)), format)

    return router


def customer_routes(board: Board) -> APIRouter:
    """The numbers of the Customers page."""
    router = APIRouter(prefix="/api/customers", tags=["customers"], route_class=PlainRoute, responses=_WRONG)

    @router.get("", responses=_ROWS)
    def found(search: str = "", format: Format = "json") -> Response:
        """The 20 customers with the most revenue whose number begins with `search`; nobody if it is no number."""
        return _rows(_asked(lambda: board.find_customers(search)), format)

    @router.get("/members", responses={**_ROWS, **_NO_SEGMENT})
    def members(segment: str, format: Format = "json") -> Response:
        """Who is in a segment now: user_id, what customer_value says of them, and cart_value; no row if nobody is."""
        found = _asked(board.customers)
        known = {*found.segment_months["segment"], *found.segments["segment"]}
        if found.count and segment not in known:
            raise HTTPException(404, f"there is no segment of this name: choose one of {', '.join(sorted(known))}")
        return _rows(_asked(lambda: board.members(segment)), format)

    @router.get("/audience", responses={**_ROWS, **_NO_AUDIENCE})
    def audience(name: str, format: Format = "json") -> Response:
        """Who is in an audience: user_id, joined_at, and what customer_value says of them."""
        known = _asked(lambda: board.customers().audiences["audience"])
        if name not in known:
            raise HTTPException(404, f"nobody is in an audience of this name: choose one of {', '.join(known)}")
        return _rows(_asked(lambda: board.audience(name)), format)

    @router.get("/{part}", responses=_ROWS)
    def customers(
        part: Literal[
            "audiences",
            "segment_months",
            "segment_moves",
            "expected_sales",
            "sales_backtest",
            "retention",
            "value_bands",
            "segments",
            "cohorts",
            "top_customers",
            "expected_customers",
            "leaving_customers",
            "left_carts",
        ],
        format: Format = "json",
    ) -> Response:
        """How many are in each audience. As gold has them: segments by month and who moved, expected sales and past
        months, and who came back. Customers by revenue, by segment, by month of the first order; and the
        top 20 by revenue, by expected value, by revenue of those who have likely left, and by value left in
        carts."""
        return _rows(_asked(lambda: getattr(board.customers(), part)), format)

    @router.get("/{user_id}/{part}", responses=_ROWS)
    def customer(user_id: UserId, part: Literal["worth", "timeline", "cart"], format: Format = "json") -> Response:
        """What a customer is worth (the row of customer_value), what they did, the newest first, and what is in their
        cart; no row where the lake has none."""
        return _rows(_of_customer(_asked(lambda: board.customer(user_id)), part), format)

    return router


def _of_customer(one: OneCustomer, part: str) -> pl.DataFrame:
    if part == "worth":
        return pl.DataFrame([one.worth] if one.worth else [], schema=CUSTOMER_VALUE.schema)
    return one.timeline if part == "timeline" else one.cart


def health_routes(watch: HealthWatch) -> APIRouter:
    """The numbers of the Health page."""
    router = APIRouter(prefix="/api/health", tags=["health"], route_class=PlainRoute, responses=_WRONG)

    @router.get("/{part}", responses=_ROWS)
    def health(
        part: Literal["lag", "batches", "reasons", "months", "sizes", "checks", "stages"], format: Format = "json"
    ) -> Response:
        """Lag per Kafka partition, the newest batches, quarantine by reason, the months of history, the sizes of the
        tables, Dagster's checks, and the seconds of the last run's stages."""
        found = watch.newest
        if found is None:
            raise HTTPException(503, "the dashboard has not looked at the stream yet: try again in a second")
        return _rows(getattr(found, part), format)

    return router


def monitoring_routes(board: Board, metrics: CollectorRegistry) -> APIRouter:
    """What Prometheus asks for, and what watches whether the dashboard is alive."""
    router = APIRouter(tags=["monitoring"])

    @router.get("/healthz", response_class=PlainTextResponse, responses=_LATER)
    def alive() -> str:
        """`ok` while the lake can be read; without a figure, so that nobody has to log in for it."""
        if board.error or not board.is_ready:
            raise HTTPException(503, "the lake can't be read: see the dashboard" if board.error else _not_yet(board))
        return "ok"

    @router.get("/metrics", responses=_METRICS, response_class=Response)
    def prometheus() -> Response:
        """The metrics of this dashboard, as Prometheus reads them."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return router


def _figures(board: Board, view: View) -> Figures:
    figures = _asked(lambda: board.figures(view))
    if figures is None:
        raise HTTPException(503, _not_yet(board))
    return figures


def _not_yet(board: Board) -> str:
    return board.error or "the dashboard has not looked at the lake yet: try again in a second"


def _beside(figures: Figures) -> pl.DataFrame:
    """A row for the span and one for the time that it is compared with: start, end, and the totals."""
    rows = [
        {"time": "now", "start": figures.start, "end": figures.end, **figures.totals},
        {"time": "before", "start": figures.other_start, "end": figures.other_end, **figures.before},
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _jsonable(row: dict[str, object]) -> dict[str, str | int | None]:
    return {name: value if isinstance(value, int | None) else str(value) for name, value in row.items()}
