"""Products show their names where the shop has a catalogue, and their numbers and brands where it has none."""

from datetime import UTC, datetime

import polars as pl
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assets.products.catalog import load_catalog
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard.api import mover_routes, product_routes, sales_routes
from salesinsights_dagster.dashboard.board import AGES, Board
from salesinsights_dagster.dashboard.product_names import ProductNames
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOON = datetime(2019, 10, 1, 12, tzinfo=UTC)
CATALOG = pl.DataFrame(
    {"product_id": [7, 8], "name": ["Nail polish", None]}, schema={"product_id": pl.Int64, "name": pl.String}
)


def test_a_product_is_called_by_its_name_and_number() -> None:
    names = ProductNames({7: "Nail polish"})

    assert [names.label(7, "irisk"), names.label(8, "irisk"), names.label(8)] == ["Nail polish (7)", "8 irisk", "8"]
    assert [names.short(7, "irisk"), names.short(8, "irisk")] == ["Nail polish", "8 irisk"]
    assert names.matching("POLISH") == [7]
    assert names.matching("") == []
    rows = pl.DataFrame({"product_id": [8, 7], "units": [1, 2]})
    assert names.shown(rows).rows() == [("8", 1), ("Nail polish (7)", 2)]
    assert names.linked(rows).rows() == [("8", 1, "8"), ("Nail polish (7)", 2, "7")]
    assert rows.columns == ["product_id", "units"]
    assert names.named(rows).rows() == [(8, None, 1), (7, "Nail polish", 2)]
    assert ProductNames().named(rows).columns == ["product_id", "units"]


def test_the_api_has_names_from_the_look_after_a_catalogue_was_loaded(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    sold = [event(event_time="2019-10-01 11:30:00 UTC", product_id=product, brand="irisk") for product in (7, 8)]
    mock_kafka.publish(topic, sold)
    run(lake, stream)
    now = [NOON]
    board = Board(lake, lambda: now[0], 45)
    app = FastAPI()
    for routes in (sales_routes, mover_routes, product_routes):
        app.include_router(routes(board))
    ask = TestClient(app).get
    board.look()
    assert [row["product_id"] for row in ask("/api/top-products?span=today").json()] == [7, 8]
    assert "name" not in ask("/api/products?search=irisk").json()[0]

    load_catalog(lake, CATALOG, NOON)
    now[0] += 2 * AGES
    board.look()

    assert [row["name"] for row in ask("/api/top-products?span=today").json()] == ["Nail polish", None]
    assert [row["product_id"] for row in ask("/api/products?search=polish").json()] == [7]
