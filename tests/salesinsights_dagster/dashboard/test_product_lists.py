"""Products of the catalogue that are not sold, run out or earn, as the page and the API show them."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assets.products.catalog import load_catalog
from assets.products.category_sales import refresh_category_sales
from assets.products.product_outlook import refresh_product_outlook
from assets.stream.stream_assets import Stream
from assets.tables import CATALOG
from resources.lake import Lake
from salesinsights_dagster.dashboard.api import product_routes
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.parts import NOT_COMPUTED
from salesinsights_dagster.dashboard.product_lists_card import NO_CATALOGUE, lists_of, stock_sentence
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOON = datetime(2019, 10, 31, 12, tzinfo=UTC)
SOLD = {5: "2019-10-31 12:30:00 UTC", 6: "2019-10-31 11:00:00 UTC", 7: "2019-09-01 11:00:00 UTC"}
TOLD = {
    "product_id": [5, 6, 7, 8],
    "name": ["Lipstick", None, None, None],
    "stock": [6, 900, 3, 1],
    "cost": [Decimal("0.62"), None, Decimal("1.00"), None],
}


@pytest.fixture
def board(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Board:
    mock_kafka.publish(topic, [event(event_time=at, product_id=product) for product, at in SOLD.items()])
    run(lake, stream)
    board = Board(lake, lambda: NOON, 45)
    board.look()
    return board


def told(lake: Lake) -> None:
    products = pl.DataFrame(TOLD, schema={name: CATALOG.schema[name] for name in TOLD})
    load_catalog(lake, products, NOON)
    refresh_category_sales(lake)
    refresh_product_outlook(lake)


def test_each_list_has_its_products_over_http(board: Board) -> None:
    app = FastAPI()
    app.include_router(product_routes(board))
    ask: Callable[[str], list[dict[str, object]]] = lambda name: TestClient(app).get(f"/api/products/{name}").json()  # noqa: E731
    assert ask("runs_out") == []

    told(board.lake)

    products = {name: [row["product_id"] for row in ask(name)] for name in ("never_sold", "unsold", "margins")}
    assert products == {"never_sold": [8], "unsold": [7], "margins": [5]}
    assert [row["product_id"] for row in ask("runs_out")] == [5]
    assert [row["product_id"] for row in ask("runs_out?within=1000")] == [5, 6]
    assert ask("runs_out?within=4") == []
    (mine,) = ask("5/outlook")
    assert (mine["name"], mine["stock_left"], mine["margin_30d"]) == ("Lipstick", 5, "2.00")
    assert ask("9/outlook") == []


def test_the_page_says_why_there_is_no_list(board: Board) -> None:
    assert lists_of(board).why_none == NO_CATALOGUE
    load_catalog(board.lake, pl.DataFrame({"product_id": [5]}), NOON)
    board.names.refresh(board.lake)
    assert lists_of(board).why_none == NOT_COMPUTED

    told(board.lake)

    assert lists_of(board).why_none is None


def test_a_products_stock_and_margin_are_a_sentence(board: Board) -> None:
    told(board.lake)

    assert stock_sentence(board.lists.of(5), "EUR") == (
        "6 in stock on 31 Oct 2019, 1 sold since: 5 left, enough for 5.0 days at 1.0 a day. "
        "Margin (EUR) of 30 days: 2.00 (76.3 % of revenue)."
    )
    assert stock_sentence(board.lists.of(7), None) == "3 in stock on 31 Oct 2019, 0 sold since: 3 left."
    assert stock_sentence(board.lists.of(9), None) == ""
