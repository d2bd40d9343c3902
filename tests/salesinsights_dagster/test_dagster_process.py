"""Requests to Dagster's own web server do not go through a proxy that the environment names."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from salesinsights_dagster.dagster_process import _ask_directly


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


def test_the_proxy_of_a_company_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.handle_request, daemon=True).start()

    with _ask_directly(f"http://127.0.0.1:{server.server_port}", timeout=10) as answer:
        assert answer.status == 200
    server.server_close()
