"""A replica of gold in a PostgreSQL of the tests' own.

Add here: a fixture of it. Not here: a test.
"""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from assets.serving.duckdb_file import served_tables
from assets.serving.postgres_replica import PostgresReplica
from resources.lake import Lake
from tests.postgres import running_postgres

Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture
def copy(server: str) -> Iterator[PostgresReplica]:
    yield PostgresReplica(server)
    ask(server, "DROP SCHEMA IF EXISTS salesinsights CASCADE")


def ask(url: str, statement: str) -> Rows:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def assert_equal(url: str, lake: Lake) -> None:
    """Each table of the replica equals the lake's, row for row; except for NUL, which PostgreSQL can't keep."""
    for name, table in served_tables(lake).items():
        columns = ", ".join(table.layout.schema)
        order = ", ".join(table.layout.key)
        copied = ask(url, f"SELECT {columns} FROM salesinsights.{name} ORDER BY {order}")
        held = table.read().sort(table.layout.key).rows()
        assert copied == [tuple(_kept(value) for value in row) for row in held], name


def _kept(value: object) -> object:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
