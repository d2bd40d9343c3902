"""The replica of gold in a real PostgreSQL."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner
from psycopg2.extensions import make_dsn

from assets.customers.customer_value import refresh_customer_value
from assets.serving.duckdb_file import SERVED, comments_of, served_tables
from assets.serving.postgres_replica import PostgresReplica
from assets.stream.replicas import ReplicaError
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES
from resources.lake import Lake
from salesinsights_dagster.commands.forget import forget
from tests.assets.gold.gold_states import GoldStates
from tests.assets.serving.postgres_copies import ask, assert_equal, copy, server
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

__all__ = ["copy", "server"]

NOW = datetime(2020, 1, 2, tzinfo=UTC)


def test_the_copy_follows_gold_row_for_row(copy: PostgresReplica, lake: Lake) -> None:
    states = GoldStates(lake, seed=1)
    for _ in range(12):
        states.move()
        assert copy.is_behind(lake)
        copy.catch_up(lake, NOW)
        assert not copy.is_behind(lake)
        assert_equal(copy.url, lake)

    assert any("💅" in str(row) for row in ask(copy.url, "SELECT brand FROM salesinsights.product_sales"))


def test_a_second_time_writes_nothing(copy: PostgresReplica, lake: Lake) -> None:
    GoldStates(lake, seed=2).move()
    first = copy.catch_up(lake, NOW)

    assert sum(first.values()) > 0
    assert set(copy.catch_up(lake, NOW).values()) == {0}


def test_only_changes_are_written(copy: PostgresReplica, lake: Lake) -> None:
    states = GoldStates(lake, seed=3)
    for _ in range(6):
        states.move()
    copy.catch_up(lake, NOW)
    rows = lake.table(PRODUCT_SALES).read()
    changed = rows.with_columns(revenue=rows["revenue"].scatter(0, Decimal("99.99")))
    lake.table(PRODUCT_SALES).replace(changed, None, {})

    assert copy.catch_up(lake, NOW)["product_sales"] == 1
    assert_equal(copy.url, lake)


def test_a_copy_whose_version_is_gone_is_recreated(copy: PostgresReplica, lake: Lake) -> None:
    states = GoldStates(lake, seed=4)
    for _ in range(5):
        states.move()
    copy.catch_up(lake, NOW)
    for _ in range(5):
        states.move()
    for table in served_tables(lake).values():
        table.purge()

    copy.catch_up(lake, NOW)

    assert_equal(copy.url, lake)


def test_a_table_that_lacks_a_column_gets_it(copy: PostgresReplica, lake: Lake) -> None:
    GoldStates(lake, seed=5).move()
    copy.catch_up(lake, NOW)
    ask(copy.url, "ALTER TABLE salesinsights.product_sales DROP COLUMN refunds")
    ask(copy.url, "UPDATE salesinsights.copies SET fingerprint = 'of other columns'")

    copy.catch_up(lake, NOW)

    assert_equal(copy.url, lake)


def test_every_table_and_column_says_what_it_holds(copy: PostgresReplica, lake: Lake) -> None:
    states = GoldStates(lake, seed=9)
    states.move()
    copy.catch_up(lake, NOW)
    assert _comments(copy) == {
        (table.sql_name, column): comment
        for table in SERVED
        for column, comment in {"": comments_of(table)[0], **comments_of(table)[1]}.items()
    }
    wanted = _comments(copy)
    ask(copy.url, "COMMENT ON COLUMN salesinsights.product_sales.units IS 'of an older release'")
    ask(copy.url, "COMMENT ON TABLE salesinsights.product_sales IS NULL")
    states.move()

    copy.catch_up(lake, NOW)

    assert _comments(copy) == wanted


def _comments(copy: PostgresReplica) -> dict[tuple[object, object], object]:
    """The comment of each column of the replica's tables, and of each table under an empty name."""
    rows = ask(
        copy.url,
        "SELECT c.relname, coalesce(a.attname, ''), d.description FROM pg_class c "
        "JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass "
        "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0 "
        "WHERE c.relnamespace = 'salesinsights'::regnamespace AND c.relkind = 'r' AND c.relname <> 'copies'",
    )
    return {(table, column): comment for table, column, comment in rows}


def test_a_reader_sees_one_state_however_long_it_reads(copy: PostgresReplica, lake: Lake) -> None:
    states = GoldStates(lake, seed=6)
    for _ in range(5):
        states.move()
    copy.catch_up(lake, NOW)
    count = "SELECT (SELECT sum(version) FROM salesinsights.copies), (SELECT count(*) FROM salesinsights.product_sales)"
    with closing(psycopg2.connect(copy.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(count)
        before = cursor.fetchone()
        states.move()
        copy.catch_up(lake, NOW)
        cursor.execute(count)
        assert cursor.fetchone() == before
    assert ask(copy.url, count)[0] != before


def test_the_writer_may_lose_the_right_to_create_once_the_copy_is_there(copy: PostgresReplica, lake: Lake) -> None:
    ask(copy.url, "CREATE ROLE writer LOGIN")
    plain = PostgresReplica(copy.url.replace("//shop:", "//writer:"))
    states = GoldStates(lake, seed=8)
    states.move()
    with pytest.raises(ReplicaError, match="permission denied for database"):
        plain.catch_up(lake, NOW)
    ask(copy.url, "GRANT CREATE ON DATABASE postgres TO writer")
    plain.catch_up(lake, NOW)
    ask(copy.url, "REVOKE CREATE ON DATABASE postgres FROM writer")
    states.move()

    plain.catch_up(lake, NOW)

    assert_equal(copy.url, lake)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://shop:hunter2@127.0.0.1:1/shop", "Connection refused"),
        ("postgresql://shop:hunter2%zz@127.0.0.1:5432/shop", "not an address that the driver understands"),
    ],
)
def test_a_database_that_is_away_is_an_error_without_the_password(lake: Lake, url: str, says: str) -> None:
    copy = PostgresReplica(url)
    for act in (lambda: copy.is_behind(lake), lambda: copy.catch_up(lake, NOW)):
        with pytest.raises(ReplicaError, match=says) as caught:
            act()
        assert "hunter2" not in f"{caught.value}{caught.value.__cause__}{copy!r}"


def test_a_database_in_another_encoding_is_refused_with_the_remedy(server: str, lake: Lake) -> None:
    with closing(psycopg2.connect(server)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    GoldStates(lake, seed=6).move()

    with pytest.raises(ReplicaError, match=r"encoding is LATIN1.*ENCODING 'UTF8'"):
        PostgresReplica(make_dsn(server, dbname="latin")).catch_up(lake, NOW)


def test_the_encoding_of_a_users_environment_changes_nothing(
    copy: PostgresReplica, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = GoldStates(lake, seed=7)
    for _ in range(12):
        states.move()
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")

    copy.catch_up(lake, NOW)
    monkeypatch.delenv("PGCLIENTENCODING")

    assert_equal(copy.url, lake)


def test_a_forgotten_user_leaves_the_copy_and_the_command_looks(
    copy: PostgresReplica, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    users = (463240011, 463240012)
    mock_kafka.publish(topic, [event(user_id=user) for user in users])
    run(lake, stream)
    refresh_customer_value(lake)
    copy.catch_up(lake, NOW)
    assert _not_zero(copy.rows_about(users[0])) == {"customer_days": 1, "customer_value": 1}

    env = {"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_POSTGRES": copy.url}
    said = CliRunner(env=env).invoke(forget, [str(users[0]), "--yes"])

    assert said.exit_code == 0, said.output
    assert "  PostgreSQL: customer_days 1 rows, customer_value 1 rows" in said.output
    assert _not_zero(copy.rows_about(users[0])) == {}
    assert _not_zero(copy.rows_about(users[1])) == {"customer_days": 1, "customer_value": 1}
    assert not copy.is_behind(lake)


def _not_zero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
