"""Pages of the dashboard held open by a separate process at the lowest priority: a shop's browsers run elsewhere.

A few are pages in real Chromium. The others are sockets that talk to the server as the page's own script does, and draw
nothing: they load the page, connect, follow its updates, and acknowledge them. Add here: how a page is kept open.
Not here: what that costs (`browsers`).
"""

import asyncio
import html
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import socketio  # type: ignore[import-untyped]
from playwright.async_api import Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
REAL = 3
"""How many pages are in Chromium. One takes half a gigabyte, and three seconds of a core a minute."""
LOWEST = 19
ACK_SECONDS = 3
FIGURE = "si-figure"
"""The class of the elements that show a figure; the first of a page is its revenue."""


@dataclass(frozen=True)
class Seen:
    """The revenue that each page shows, and how many updates a socket page has had so far, on average."""

    revenue: list[str]
    updates: float


class OpenPages:
    """The pages, as seen from the process that started theirs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def look(self) -> Seen:
        """Wait until all pages are open; what they show. Raises RuntimeError if they can't be opened."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the pages' process was started without its pipes")
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the pages could not be opened: see the error above")
        return Seen(**json.loads(line))


@contextmanager
def open_pages(address: str, count: int) -> Iterator[OpenPages]:
    """`count` pages of that address, closed at the end."""
    command = [sys.executable, "-m", "benchmarks.open_pages", address, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield OpenPages(process)


class SocketPage:
    """A page without a screen."""

    def __init__(self) -> None:
        self.updates = 0
        self.revenue = ""
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("update", self._update)
        self._next_message = 0

    async def open(self, http: aiohttp.ClientSession, address: str) -> None:
        """Load the page, connect as it says, and acknowledge its updates until it is closed."""
        async with http.get(address) as answer:
            text = await answer.text()
        self._client, self._element = _client_of(text), _first_figure(text)
        query = {"client_id": self._client, "next_message_id": 0, "implicit_handshake": "true"}
        page = {"tab_id": str(uuid.uuid4()), "document_id": str(uuid.uuid4())}
        path = "_nicegui_ws/socket.io"
        await self._socket.connect(f"{address}?{urlencode(query | page)}", socketio_path=path, transports=["websocket"])
        self._acknowledging = asyncio.create_task(self._acknowledge())

    def _update(self, elements: dict) -> None:
        self.updates += 1
        self._next_message = elements["_id"] + 1
        if self._element in elements:
            self.revenue = elements[self._element]["text"]

    async def _acknowledge(self) -> None:
        while True:
            await asyncio.sleep(ACK_SECONDS)
            await self._socket.emit("ack", {"client_id": self._client, "next_message_id": self._next_message})

    async def close(self) -> None:
        self._acknowledging.cancel()
        await self._socket.disconnect()


def _client_of(page: str) -> str:
    found = re.search(r"'client_id': '([^']+)'", page)
    if found is None:
        raise RuntimeError("the page names no client: did NiceGUI change how it writes pages?")
    return found[1]


def _first_figure(page: str) -> str:
    """The key of the first element that shows a figure."""
    found = re.search(r"parseElements\(String\.raw`(.*?)`\)", page, re.DOTALL)
    if found is None:
        raise RuntimeError("the page has no elements: did NiceGUI change how it writes pages?")
    elements = json.loads(html.unescape(found[1]))
    return min((key for key, element in elements.items() if FIGURE in element.get("class", [])), key=int)


async def _hold(address: str, count: int) -> None:
    """Open the pages, print what they show for each input line, and close them at the end of the input."""
    real = min(REAL, count) if CHROMIUM.exists() else 0
    async with AsyncExitStack() as opened:
        pages = await _open_chromium(opened, address, real)
        http = await opened.enter_async_context(aiohttp.ClientSession())
        sockets = [SocketPage() for _ in range(count - real)]
        for socket in sockets:
            await socket.open(http, address)
            opened.push_async_callback(socket.close)
        while await asyncio.to_thread(sys.stdin.readline):
            shown = [await page.locator(f".{FIGURE}").first.inner_text() for page in pages]
            shown += [socket.revenue for socket in sockets]
            seen = Seen(shown, sum(socket.updates for socket in sockets) / max(1, len(sockets)))
            print(json.dumps(vars(seen)), flush=True)


async def _open_chromium(opened: AsyncExitStack, address: str, count: int) -> list[Page]:
    if not count:
        return []
    playwright = await opened.enter_async_context(async_playwright())
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    opened.push_async_callback(browser.close)
    pages = [await browser.new_page() for _ in range(count)]
    for page in pages:
        await page.goto(address)
    return pages


if __name__ == "__main__":
    os.nice(LOWEST)
    asyncio.run(_hold(sys.argv[1], int(sys.argv[2])))
