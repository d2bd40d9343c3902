"""A webhook on this machine.

Add here: how it answers. Not here: a test.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class Receiver(HTTPServer):
    """A webhook on this machine: what it was sent, and the status that it answers with."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Take)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret-part"


class _Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.told.append(said["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
