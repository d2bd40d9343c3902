"""A newer release on a lake in use, in a process of its own: this checkout with two more fields in the contract.

`python -m tests.newer_release ROOT SERVERS TOPIC` reads the lake in every way, takes in what Kafka has, reads it again,
rebuilds the day from bronze, and reads it once more. Prints the three readings as JSON.
Add here: a way to read a lake. Not here: what it should give.
"""

import json
import sys
import types
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

FIELD_LINE = 'EXTRA = pl.Schema({"event_id": pl.String()})'
NEW_LINE = 'EXTRA = pl.Schema({"event_id": pl.String(), "coupon": pl.String(), "basket_id": pl.Int64()})'

DAY = date(2019, 10, 1)


def add_fields() -> None:
    """Load the contract with the one line changed that docs/events.md names; before anything else is imported."""
    source = (Path(__file__).parents[1] / "assets/events/contract.py").read_text()
    assert source.count(FIELD_LINE) == 1
    contract = types.ModuleType("assets.events.contract")
    sys.modules[contract.__name__] = contract
    exec(source.replace(FIELD_LINE, NEW_LINE), contract.__dict__)  # noqa: S102


def main(root: str, servers: str, topic: str) -> dict[str, Any]:
    add_fields()
    from assets.gold.gold import rebuild_gold
    from assets.silver.silver import rebuild_silver
    from assets.stream.micro_batch import micro_batches, open_stream
    from assets.tables import DAILY
    from resources.kafka_connection import KafkaConnection
    from resources.lake import Lake
    from tests.resources.mock_kafka import MockTopicReader

    upgraded = datetime.now(UTC) + timedelta(hours=1)
    lake, reader = Lake(root, now=lambda: upgraded), MockTopicReader(KafkaConnection(servers), topic)
    readings = {"before": reading(lake)}
    list(micro_batches(open_stream(lake), reader, lambda: upgraded + timedelta(hours=1), 1000, 45))
    readings["between"] = reading(lake)
    rebuild_silver(lake, [DAY])
    rebuild_gold(lake, DAILY, [DAY], 45)
    return {**readings, "rebuilt": reading(lake)}


def reading(lake: Any) -> dict[str, Any]:
    from assets.serving.duckdb_file import publish_serving
    from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES
    from assets.tables.sql_views import sql_session
    from assets.upkeep.audit import audit
    from assets.upkeep.proof import differences
    from resources.duckdb_engine import query
    from resources.lake import OpenTables
    from salesinsights_dagster.dashboard.board import Board

    tables = OpenTables(lake, (*DAILY, SILVER_PURCHASES, SILVER_EVENTS, BRONZE_EVENTS))
    with sql_session(lake) as connection:
        found = query(connection, "SELECT user_id, coupon, basket_id FROM silver_events ORDER BY user_id")
        units = query(connection, "SELECT sum(units)::INT AS units FROM product_sales").item()
    board = Board(lake, lambda: datetime(2019, 10, 2, tzinfo=UTC), 45)
    board.look()
    served = publish_serving(lake, Path(lake.root).parent / "serving.duckdb")
    return {
        "events": found.rows(),
        "units": units,
        "audit": audit(lake).findings,
        "proof": differences(tables, DAY, 45).rows(),
        "served": served["product_sales_daily"],
        "shown": board.product(5773203).days["units"].sum(),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:]), default=str))
