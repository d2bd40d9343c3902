"""Requests to Dagster's own web server do not go through a proxy that the environment names."""

import subprocess
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from salesinsights_dagster.dagster_process import DagsterProcess, DagsterStartError, _ask_directly


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


def test_a_web_server_that_answers_to_any_name_is_refused() -> None:
    """As a later Dagster's would, if it started its server in a way that ours does not replace."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended = subprocess.Popen(["true"])
    process = DagsterProcess(ended, f"http://127.0.0.1:{server.server_port}", Path("dagster.log"), date(2019, 1, 1))

    with pytest.raises(DagsterStartError, match="answers to any host name"):
        process.await_ready(20)
    server.shutdown()
    server.server_close()
    ended.wait()
