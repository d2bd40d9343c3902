"""How often audit, forgetting and a query ask an object store: time there is the number of requests, not seconds."""

import re
from collections import Counter

import pytest

from assets.customers.customer_value import refresh_customer_value
from assets.stream.stream_assets import Stream
from assets.tables import TABLES, VISITOR_TABLES
from assets.tables.sql_views import sql_session
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from assets.visitors.daily_tables import refresh_days
from resources.duckdb_engine import query
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.resources.s3_server import S3Server

AUDITED = {
    *("bronze/archive_months", "bronze/events", "silver/batches", "silver/quarantine", "silver/events"),
    *(
        "gold/product_sales",
        "gold/product_sales_daily",
        "gold/customer_days",
        "silver/purchases",
        "gold/customer_value",
    ),
}


@pytest.fixture
def filled(bucket: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    """A lake with rows in all layers, each table of it loaded once."""
    for price in (1, 2):
        mock_kafka.publish(topic, [event(user_id=user, price=price) for user in (1, 2, 3)])
        run(bucket, stream)
    refresh_customer_value(bucket)
    for layout in VISITOR_TABLES:
        list(refresh_days(bucket, layout, bucket.table(TABLES["silver_events"]).days))
    for layout in TABLES.values():
        bucket.table(layout)
    return bucket


def asked(s3: S3Server, only: str = "") -> Counter[str]:
    """The requests since the last call whose path has `only`, counted by table."""
    tables = (re.search(r"shop(?:/|%2F)(\w+)(?:/|%2F)(\w+)", path) for path in s3.requests() if only in path)
    return Counter(f"{found[1]}/{found[2]}" for found in tables if found)


def test_an_audit_asks_little_of_each_table(filled: Lake, s3: S3Server) -> None:
    asked(s3)

    assert audit(filled).passed

    counted = asked(s3)
    assert max(counted.values()) <= 35, counted
    assert counted.total() <= 9 * len(TABLES), counted


def test_an_audit_reads_the_rows_of_no_table_that_it_does_not_compare(filled: Lake, s3: S3Server) -> None:
    asked(s3)

    audit(filled)

    assert set(asked(s3, only="part-")) <= AUDITED


def test_a_query_asks_only_for_the_tables_that_it_names(filled: Lake, s3: S3Server) -> None:
    asked(s3)

    statement = "SELECT sum(units) AS units FROM product_sales"
    with sql_session(filled, statement=statement) as connection:
        assert int(query(connection, statement)["units"][0]) == 6

    counted = asked(s3)
    assert set(counted) == {"gold/product_sales"}
    assert counted.total() <= 15, counted


def test_forgetting_asks_little_of_each_table(filled: Lake, s3: S3Server, stream: Stream) -> None:
    asked(s3)

    assert forget(filled, 2, stream.clock(), 45).rows == 2

    counted = asked(s3)
    # Silver is rebuilt, and marked before and after; bronze is cleaned between two fences; most others are loaded
    # twice, rewritten and purged. An empty table costs 38.
    rebuilt = counted.pop("silver/events")
    assert rebuilt <= 660, rebuilt
    assert max(counted.values()) <= 310, counted
    assert counted.total() <= 3_300, counted
