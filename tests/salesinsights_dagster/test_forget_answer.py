"""What `salesinsights forget` answers."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assets.customers.customer_value import refresh_customer_value
from assets.serving.duckdb_file import publish_serving
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_EVENTS
from assets.upkeep import forget_user as forgetting
from assets.visitors.user_features import make_features
from resources.lake import Lake
from salesinsights_dagster.commands.forget import forget
from tests.assets.archive.month_lines import HEADER, PURCHASE
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

USER, OTHER = 463240011, 7


@pytest.fixture
def home(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path) -> Path:
    """A home with the user in the lake, a visit with two users, serving.duckdb, features, and files of all folders."""
    mock_kafka.publish(topic, [event(), event(price="x"), event(user_id=OTHER, product_id=3), b"\xff"])
    run(lake, stream)
    refresh_customer_value(lake)
    follow(lake)
    make_features(lake, date(2019, 10, 1))
    publish_serving(lake, tmp_path / "serving.duckdb")
    quoted = PURCHASE.replace(str(USER), f'"{USER}"')
    text = "\n".join([HEADER, PURCHASE, quoted, PURCHASE.replace(str(USER), "8")]).encode()
    for name in ("archive", "input/archive", "input/rejected"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "archive/2019-Oct.csv").write_bytes(text)
    (tmp_path / "archive/2019-Nov.csv").write_bytes(text.replace(str(USER).encode(), b"9"))
    (tmp_path / "input/archive/day.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "input/rejected/half.csv").write_bytes(b"no,header\n")
    return tmp_path


def told(home: Path, *options: str, **env: str) -> Result:
    return CliRunner(env={"SALESINSIGHTS_HOME": str(home), **env}).invoke(forget, [str(USER), "--yes", *options])


def test_it_says_what_was_found_where_and_what_is_kept(home: Path) -> None:
    said = told(home, "--json")

    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    assert answer["rows"] == 2
    assert answer["left"] == {}
    assert answer["undecided"] == {}
    assert answer["found"] == {
        "bronze_events": 2,
        **dict.fromkeys(("silver_quarantine", "silver_events", "silver_purchases", "silver_sessions"), 1),
        **dict.fromkeys(("customer_days", "customer_value", "user_days", "user_features"), 1),
    }
    assert answer["copies"] == {"serving.duckdb": {"customer_days": 1, "customer_value": 1}}
    kept = {one["where"].removeprefix(f"{home}/"): one["rows"] for one in answer["kept"]}
    assert kept.pop(next(name for name in kept if name.startswith("backups"))) is None
    assert kept == {
        "Kafka, topic shop.events": None,
        "archive/2019-Oct.csv": 2,
        "input/archive/day.csv.gz": 2,
        "input/rejected/half.csv": None,
        "user_features_2019-10-01.parquet, wherever it was exported to": None,
        f"user {OTHER}, in visits of this user": 1,
    }
    assert all(one["remedy"] for one in answer["kept"])


def test_a_person_reads_the_same(home: Path) -> None:
    said = told(home)

    assert said.exit_code == 0, said.output
    for line in (
        "  silver_events: 1 rows",
        "  serving.duckdb: customer_days 1 rows, customer_value 1 rows",
        "searched again: nothing about the user is left",
        "segments and expected sales are empty until",
        f"salesinsights forget {OTHER}",
        f"  {home}/archive/2019-Oct.csv, 2 rows: ",
    ):
        assert line in said.output


def test_it_fails_if_anything_is_left(home: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "remove_messages", lambda *arguments: None)

    said = told(home, "--json")

    assert said.exit_code == 2
    assert json.loads(said.stdout)["left"]["the lake"]["bronze_events"] == 2
    assert '"silver_events": 1' in said.stderr
    assert "run this again" in said.stderr


def test_nothing_is_removed_while_a_copy_can_not_be_searched(home: Path, lake: Lake) -> None:
    before = rows(lake, BRONZE_EVENTS)

    said = told(home, SALESINSIGHTS_POSTGRES="postgresql://shop:secret@127.0.0.1:1/shop")

    assert said.exit_code == 2
    assert "PostgreSQL can't be searched" in said.stderr
    assert "secret" not in said.output
    assert rows(lake, BRONZE_EVENTS).equals(before)
    assert USER in set(rows(lake, SILVER_EVENTS)["user_id"])
