"""The API against its own description: every request that this allows or forbids, as schemathesis draws them."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from assets.customers.customer_value import refresh_customer_value
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard import api
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.metrics import registry_of
from salesinsights_dagster.dashboard.stream_health import HealthWatch
from tests.assets.visitors.visits import follow
from tests.campaign import tries
from tests.conftest import event
from tests.hostile_texts import HOSTILE, REFUSED
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

ADDRESSES = (
    "/api/totals",
    "/api/over-time?span=week",
    "/api/products?search=",
    "/api/products/7/days",
    "/api/products/7/funnel",
    "/api/customers/segments",
    "/api/health/sizes",
)


def now() -> datetime:
    return datetime.now(UTC)


def api_of(lake: Lake, stream: Stream) -> tuple[FastAPI, Callable[[], None]]:
    """The API as the dashboard serves it, and a look at the lake and at Kafka."""
    board, app = Board(lake, now, 45), FastAPI()
    watch = HealthWatch(lake, stream.open_reader, now)
    for router in api.all_routes(board, watch, registry_of(board, watch)):
        app.include_router(router)

    def look() -> None:
        board.look()
        watch.look()

    return app, look


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, mock_kafka: MockKafka) -> FastAPI:
    """The API over a lake in which every text is hostile."""
    topic, lake = "shop.hostile-texts", Lake(str(tmp_path_factory.mktemp("hostile") / "lake"))
    stream = Stream(lambda: MockTopicReader(mock_kafka.connection, topic), now, 1_000, 45)
    sold = [
        event(product_id=n, brand=text, category_code=text, user_session=text, user_id=n, event_time=now().isoformat())
        for n, text in enumerate(HOSTILE, 1)
    ]
    refused = [event(event_type=text, brand=text) for text in (*HOSTILE, *REFUSED)]
    mock_kafka.publish(topic, [*sold, *refused])
    run(lake, stream)
    follow(lake)
    refresh_customer_value(lake)
    app, look = api_of(lake, stream)
    look()
    return app


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_every_answer_is_as_described(mode: schemathesis.GenerationMode, served: FastAPI) -> None:
    """What the description allows is answered by what it promises, and what it does not allow is refused."""
    described = schemathesis.openapi.from_asgi("/openapi.json", served)
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]
    assert {one.path for one in operations} >= {"/api/totals", "/api/products/{product_id}/funnel", "/metrics"}
    for operation in operations:
        told = [*operation.query, *operation.path_parameters, *operation.body]
        if mode is schemathesis.GenerationMode.NEGATIVE and not told:
            continue
        _answers_as_described(operation, mode)


def _answers_as_described(operation: schemathesis.APIOperation, mode: schemathesis.GenerationMode) -> None:
    # No schema can say which parameters of a view go together, or what is a time and no half of a surrogate pair.
    is_of_view = "compare" in {one.name for one in operation.query}
    unsayable: list[CheckFunction] = [positive_data_acceptance] if is_of_view or operation.body else []

    @settings(max_examples=tries(in_suite=15, otherwise=500), derandomize=True)
    @given(case=operation.as_strategy(mode))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=unsayable)

    check()


def test_a_csv_of_hostile_texts_holds_each_of_them_and_no_formula(served: FastAPI) -> None:
    found = dict[int, str]()
    for number in range(1, len(HOSTILE) + 1):
        answer = TestClient(served).get("/api/products", params={"search": str(number), "format": "csv"})
        rows = csv.DictReader(io.StringIO(answer.content.decode(), newline=""))
        found |= {int(row["product_id"]): row["brand"] for row in rows}

    assert [found[number].replace("'", "") for number in sorted(found)] == [text.replace("'", "") for text in HOSTILE]
    assert [text for text in found.values() if text.lstrip(" \u200b").startswith(tuple("=+-@\uff1d"))] == []


def test_without_a_readable_lake_an_address_says_so(lake: Lake, stream: Stream) -> None:
    """What has been read before is still told."""
    app, look = api_of(lake, stream)
    look()
    for log in Path(lake.root).rglob("_delta_log/*.json"):
        log.write_text("{")
    look()
    client = TestClient(app, raise_server_exceptions=False)

    answers = {address: client.get(address) for address in ADDRESSES}

    refused = {address: answer.json()["detail"] for address, answer in answers.items() if answer.status_code == 503}
    assert {answer.status_code for answer in answers.values()} == {200, 503}
    assert {"/api/products/7/funnel", "/api/customers/segments"} <= set(refused)
    assert [said for said in refused.values() if "can't be read" not in said] == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/api/totals?span=day", "span: Input should be 'hour', 'today', 'week', 'month' or 'range'"),
        ("/api/over-time?span=week&compare=day", "span=week can't be compared with compare=day"),
        ("/api/totals?from=2026-11-02&to=2026-11-01", "from=2026-11-02 is not before to=2026-11-01"),
        ("/api/movers?zone=Berlin", "zone=Berlin is no time zone"),
        ("/api/products/x/days", "product_id: Input should be a valid integer"),
    ],
)
def test_what_can_not_be_asked_is_answered_with_a_sentence(served: FastAPI, address: str, said: str) -> None:
    answer = TestClient(served).get(address)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(said)
