"""The exported measures, asked by a tool that reads them, over the file that BI tools open."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assets.customers.customer_value import refresh_customer_value
from assets.serving.duckdb_file import publish_serving
from assets.serving.semantic_layer import MEASURED, cube_model
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.commands.export import export
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

Ask = Callable[[str, list[str], list[str]], list[tuple[Any, ...]]]


@pytest.fixture
def asked(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path) -> Ask:
    """A function that asks the tool for measures by dimensions, and returns the rows."""
    from sidemantic import SemanticLayer
    from sidemantic.loaders import load_from_directory

    sold = [
        event(event_time="2019-10-01 10:00:00 UTC", price="2.10", brand="runail"),
        event(event_time="2019-10-01 10:00:00 UTC", price="4.00", brand="irisk", product_id=7),
        event(event_time="2019-11-02 10:00:00 UTC", price="3.00", brand="irisk", product_id=7, user_id=9),
        event(event_time="2019-11-03 10:00:00 UTC", price="-1.00", brand="irisk", product_id=7, user_id=9),
    ]
    mock_kafka.publish(topic, sold)
    run(lake, stream)
    refresh_customer_value(lake)
    publish_serving(lake, tmp_path / "serving.duckdb")
    assert CliRunner().invoke(export, ["measures", "--out", str(tmp_path / "model")]).exit_code == 0
    layer = SemanticLayer(connection=f"duckdb:///{tmp_path / 'serving.duckdb'}")
    load_from_directory(layer, str(tmp_path / "model"))

    def ask(table: str, measures: list[str], dimensions: list[str]) -> list[tuple[Any, ...]]:
        named = [f"{table}.{measure}" for measure in measures]
        rows = layer.query(
            metrics=named, dimensions=[name if "." in name else f"{table}.{name}" for name in dimensions]
        )
        return sorted(rows.fetchall())

    return ask


def test_a_tool_answers_as_gold_does(asked: Ask) -> None:
    by_brand = asked("product_sales_daily", ["revenue", "units", "refunds", "products", "refund_rate"], ["brand"])
    by_month = asked("customer_days", ["orders", "buyers", "average_order_value"], ["event_date__month"])

    assert by_brand == [
        ("irisk", Decimal("6.00"), 2, Decimal("1.00"), 1, pytest.approx(1 / 7)),
        ("runail", Decimal("2.10"), 1, Decimal("0.00"), 1, 0),
    ]
    assert [row[1:] for row in by_month] == [(1, 1, pytest.approx(6.1)), (1, 1, pytest.approx(2.0))]


def test_customers_join_what_they_bought(asked: Ask) -> None:
    rows = asked("customer_days", ["revenue"], ["customer_value.prediction"])

    assert sum(revenue for _, revenue in rows) == Decimal("8.10")


def test_every_measure_is_described_and_in_postgresql_has_its_schema() -> None:
    cubes = cube_model("salesinsights")["cubes"]

    assert [cube["sql_table"] for cube in cubes] == [f"salesinsights.{one.table.sql_name}" for one in MEASURED]
    assert all(one["description"] for cube in cubes for one in (*cube["measures"], *cube["dimensions"]))
