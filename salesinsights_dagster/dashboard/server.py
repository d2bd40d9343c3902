"""The dashboard as a web server: one board, its pages and its numbers.

Add here: a page's address. Not here: what it shows (`pages`), who may ask (`safe_requests`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import Request
from nicegui import app, run, ui

from resources.kafka_reader import KafkaReader
from resources.lake import Lake
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.dashboard import api
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.dagster_history import dagster_opener, history_reader
from salesinsights_dagster.dashboard.gold_watch import MEMORY, GoldWatch
from salesinsights_dagster.dashboard.metrics import registry_of
from salesinsights_dagster.dashboard.pages.customers import CustomersPage
from salesinsights_dagster.dashboard.pages.health import HealthPage
from salesinsights_dagster.dashboard.pages.live import LivePage
from salesinsights_dagster.dashboard.pages.not_found import not_found
from salesinsights_dagster.dashboard.pages.product import ProductPage
from salesinsights_dagster.dashboard.stream_health import HealthWatch
from salesinsights_dagster.login.export_log import EXPORTS, ExportLog
from salesinsights_dagster.login.gate import Gate
from salesinsights_dagster.login.ways import way_of
from salesinsights_dagster.safe_requests import LOOPBACK, SafeRequests
from salesinsights_dagster.settings import Settings
from sensors.notices import Pager

LOOK_SECONDS = 1.0
HEALTH_SECONDS = 10.0
ALERT_SECONDS = 60.0
KAFKA_SECONDS = 5.0
RECONNECT_SECONDS = 30.0
"""A page that is cut off for less, by a busy machine or a bad network, goes on instead of starting over."""

REMEDY = "start the dashboard with --allow-host NAME"

_HEADERS = {
    # NiceGUI compiles its templates in the browser, with inline and evaluated scripts; nothing is loaded from outside.
    b"content-security-policy": b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    b"connect-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    b"x-content-type-options": b"nosniff",
    # Other sites learn nothing. With no-referrer a form of ours would not say its Origin, and would be refused.
    b"referrer-policy": b"same-origin",
}

_log = logging.getLogger(__name__)


def serve(settings: Settings, clock: Callable[[], datetime], host: str, port: int, hosts: Sequence[str]) -> None:
    """Run until stopped. `hosts` are more host names to accept, besides the loopback's."""
    board = Board(Lake(settings.lake), clock, settings.window_seconds, settings.time_zone, settings.currency)
    way = way_of(settings, clock)
    if way is not None:
        exports = ExportLog(settings.home / EXPORTS)
        app.add_middleware(Gate, way=way, exports=exports, clock=clock, metrics_token=settings.metrics_token)
    # Added last, it stands in front: the gate sees only requests for our names, from our pages.
    hosts = [*LOOPBACK, *hosts, *([settings.dashboard_host] if settings.dashboard_host else [])]
    app.add_middleware(SafeRequests, hosts=hosts, remedy=REMEDY, headers=_HEADERS)
    # The description alone: FastAPI's pages about it would load their scripts from another site.
    app.title, app.openapi_url = "SalesInsights", "/openapi.json"
    # Quasar's bar for requests under way has no name, and pages update by a socket anyway.
    app.config.quasar_config["loadingBar"] = {"skipHijack": True}
    app.setup()
    open_dagster = dagster_opener(settings)

    def open_reader() -> KafkaReader:
        return KafkaReader(find_kafka(settings), settings.topic, KAFKA_SECONDS)

    watch = HealthWatch(board.lake, open_reader, clock, history_reader(open_dagster))
    pager, memory = Pager.to(settings.alert_webhook), settings.home / MEMORY
    gold_watch = GoldWatch(board.lake, open_reader, open_dagster, clock, pager, memory)
    for router in api.all_routes(board, watch, registry_of(board, watch)):
        app.include_router(router)

    @ui.page("/")
    def live(request: Request, theme: str | None = None) -> None:
        LivePage(board, request.query_params, theme)

    @ui.page("/product")
    def product(search: str = "", theme: str | None = None) -> None:
        ProductPage(board, search, theme)

    @ui.page("/customers")
    def customers(customer: str = "", theme: str | None = None) -> None:
        CustomersPage(board, customer, theme)

    @ui.page("/health")
    def health(theme: str | None = None) -> None:
        HealthPage(board, watch, theme)

    app.add_exception_handler(404, not_found)
    app.on_startup(lambda: asyncio.create_task(_keep_looking(board.look, LOOK_SECONDS)))
    app.on_startup(lambda: asyncio.create_task(_keep_looking(watch.look, HEALTH_SECONDS)))
    app.on_startup(lambda: asyncio.create_task(_keep_looking(gold_watch.look, ALERT_SECONDS)))
    ui.run(
        host=host,
        port=port,
        title="SalesInsights",
        language="en-US",
        reload=False,
        show=False,
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_SECONDS,
        timeout_graceful_shutdown=2,
        # Whose address a request comes from is never taken from a header that anybody may send.
        proxy_headers=False,
    )


async def _keep_looking(look: Callable[[], None], seconds: float) -> None:
    while True:
        try:
            await run.io_bound(look)
        except Exception:  # noqa: BLE001
            # A bug in one look must not stop all pages for good: the next look may work, and the log has the error.
            _log.exception("a look at the lake failed")
        await asyncio.sleep(seconds)
