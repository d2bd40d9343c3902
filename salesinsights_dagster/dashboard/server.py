"""The dashboard as a web server: one board, its pages and its numbers.

Add here: a page's address. Not here: what it shows (`pages`), who may ask (`safe_requests`).
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from nicegui import app, run, ui

from resources.lake import Lake
from salesinsights_dagster.dashboard import api
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.pages.live import LivePage
from salesinsights_dagster.dashboard.safe_requests import LOOPBACK, SafeRequests
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.settings import Settings

LOOK_SECONDS = 1.0


def serve(settings: Settings, clock: Callable[[], datetime], host: str, port: int, hosts: Sequence[str]) -> None:
    """Run until stopped. `hosts` are the names, beside the loopback's, under which it may be asked."""
    board = Board(Lake(settings.lake), clock, settings.window_seconds)
    app.add_middleware(SafeRequests, hosts=(*LOOPBACK, *hosts))
    app.include_router(api.routes(board))

    @ui.page("/")
    def live(span: str = "hour", theme: str | None = None) -> None:
        LivePage(board, span if span in SPANS else "hour", theme)

    app.on_startup(lambda: asyncio.create_task(_keep_looking(board)))
    ui.run(
        host=host,
        port=port,
        title="SalesInsights",
        reload=False,
        show=False,
        show_welcome_message=False,
        timeout_graceful_shutdown=2,
    )


async def _keep_looking(board: Board) -> None:
    while True:
        await run.io_bound(board.look)
        await asyncio.sleep(LOOK_SECONDS)
