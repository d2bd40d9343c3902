from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from assets.customers.customer_value import refresh_customer_value
from assets.serving.duckdb_file import ALL_WINDOWS, SERVED, comments_of, publish_serving
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, TABLES, USER_DAYS
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake
from resources.lake_errors import LakeError
from salesinsights_dagster.commands.forget import forget
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


@pytest.fixture
def sold(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    days = ["2019-10-01", "2019-10-31", "2019-11-01"]
    mock_kafka.publish(topic, [event(event_time=f"{day} 10:00:00 UTC", price="2.10") for day in days])
    run(lake, stream)
    refresh_customer_value(lake)
    return lake


def test_any_duckdb_driver_reads_what_gold_holds(sold: Lake, tmp_path: Path) -> None:
    file = tmp_path / "it's" / "serving.duckdb"
    file.parent.mkdir()

    rows = publish_serving(sold, file)

    assert rows == {
        "product_sales": 2,
        "product_sales_daily": 3,
        "customer_days": 3,
        "customer_value": 1,
        "restatements": 0,
        "category_sales_daily": 0,
        "bought_together": 0,
        "repurchases": 0,
        "catalog": 0,
        "product_outlook": 0,
        "clv_model": 0,
        "clv_holdout": 0,
        "recovered_carts": 0,
        "abandoned_carts": 0,
        "cohort_retention": 0,
    }
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.sql("SELECT sum(revenue) FROM product_sales_daily").fetchall() == [(Decimal("6.30"),)]
        for layout in SERVED:
            held = connection.sql(f"SELECT * FROM {layout.sql_name}")
            assert held.columns == layout.schema.names()
    assert [left.name for left in file.parent.iterdir()] == ["serving.duckdb"]


def test_every_other_table_is_a_view_with_all_of_its_days(sold: Lake, tmp_path: Path) -> None:
    file = tmp_path / "serving.duckdb"
    for _ in refresh_days(sold, USER_DAYS):
        pass

    publish_serving(sold, file)

    with duckdb.connect(str(file), read_only=True) as connection:
        held = {name for (name,) in connection.sql("SHOW TABLES").fetchall()}
        assert held == {*TABLES, ALL_WINDOWS}
        assert connection.sql("SELECT count(*) FROM product_sales").fetchall() == [(2,)]
        assert connection.sql(f"SELECT count(*), sum(revenue) FROM {ALL_WINDOWS}").fetchall() == [(3, Decimal("6.30"))]
        assert connection.sql("SELECT sum(price) FROM silver_events").fetchall() == [(Decimal("6.30"),)]
        assert connection.sql("SELECT sum(purchases) FROM user_days").fetchall() == [(3,)]
        for name, layout in TABLES.items():
            assert connection.sql(f"SELECT * FROM {name}").columns == layout.schema.names()


def test_every_table_and_column_says_what_it_holds(sold: Lake, tmp_path: Path) -> None:
    file = tmp_path / "serving.duckdb"
    publish_serving(sold, file)

    with duckdb.connect(str(file), read_only=True) as connection:
        said = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        columns = {(table, column): comment for table, column, comment in connection.sql(said).fetchall()}
        of_tables = "SELECT {0}_name, comment FROM duckdb_{0}s() WHERE NOT internal"
        tables = dict(row for kind in ("table", "view") for row in connection.sql(of_tables.format(kind)).fetchall())

    layouts = {**TABLES, ALL_WINDOWS: PRODUCT_SALES}
    assert tables == {name: comments_of(table)[0] for name, table in layouts.items()}
    assert columns == {
        (name, column): table.describe(column) for name, table in layouts.items() for column in table.schema
    }


def test_who_has_the_file_open_keeps_it_and_the_next_one_sees_the_new(sold: Lake, tmp_path: Path) -> None:
    file = tmp_path / "serving.duckdb"
    publish_serving(sold, file)
    first = file.stat().st_ino
    with duckdb.connect(str(file), read_only=True) as early:
        (tmp_path / "serving.duckdb.new").write_bytes(b"left by a killed run")
        sold.table(SERVED[1]).replace(sold.table(SERVED[1]).read().head(1), None, {})
        publish_serving(sold, file)

        assert early.sql("SELECT count(*) FROM product_sales_daily").fetchall() == [(3,)]
        assert file.stat().st_ino != first
    with duckdb.connect(str(file), read_only=True) as late:
        assert late.sql("SELECT count(*) FROM product_sales_daily").fetchall() == [(1,)]


def test_a_publication_that_fails_leaves_the_last_file(
    sold: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "serving.duckdb"
    publish_serving(sold, file)
    before = file.read_bytes()

    with pytest.raises(LakeError):
        publish_serving(Lake("/proc/no-lake"), file)

    assert file.read_bytes() == before


def test_a_forgotten_user_leaves_the_file_too(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    users = [463240011, 463240012]
    mock_kafka.publish(topic, [event(user_id=user) for user in users])
    run(lake, stream)
    refresh_customer_value(lake)
    file = tmp_path / "serving.duckdb"
    publish_serving(lake, file)

    said = CliRunner(env={"SALESINSIGHTS_HOME": str(tmp_path)}).invoke(forget, [str(users[0]), "--yes"])

    assert said.exit_code == 0, said.output
    with duckdb.connect(str(file), read_only=True) as connection:
        kept = connection.sql("SELECT user_id FROM customer_days UNION SELECT user_id FROM customer_value").fetchall()
    assert kept == [(users[1],)]


def test_a_log_that_a_writer_left_beside_the_file_does_not_lock_readers_out(sold: Lake, tmp_path: Path) -> None:
    file = tmp_path / "serving.duckdb"
    publish_serving(sold, file)
    with duckdb.connect(str(file)) as writer:
        writer.execute("PRAGMA disable_checkpoint_on_shutdown")
        writer.execute("CREATE TABLE remarks (text VARCHAR)")
    assert (tmp_path / "serving.duckdb.wal").exists()

    publish_serving(sold, file)

    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.sql("SELECT count(*) FROM product_sales_daily").fetchall() == [(3,)]
