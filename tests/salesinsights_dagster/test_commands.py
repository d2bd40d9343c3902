"""The command line against the real broker, with the real rows if they are there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assets.customers.customer_value import refresh_customer_value
from assets.tables import CUSTOMER_DAYS, TABLES
from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.cli import COMMANDS, main
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.assets.customers.shoppers import customer_days

COMMAND = Path(sys.executable).with_name("salesinsights")


def in_a_process(home: Path, *arguments: str, kafka: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SALESINSIGHTS_HOME": str(home), "KAFKA_BOOTSTRAP_SERVERS": kafka}
    return subprocess.run([COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=480, check=False)


def salesinsights(home: Path, *arguments: str) -> Result:
    """The same in this process, which has its imports done."""
    return CliRunner().invoke(main, arguments, env={"SALESINSIGHTS_HOME": str(home), "KAFKA_BOOTSTRAP_SERVERS": ""})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself_and_stands_in_the_readme(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"])

    assert shown.exit_code == 0
    assert f"salesinsights {command}" in (Path(__file__).parents[2] / "README.md").read_text()


def test_without_kafka_the_remedy_is_one_line(tmp_path: Path) -> None:
    done = in_a_process(tmp_path, "ingest")

    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "Error: No Kafka runs: start one with `salesinsights kafka start`, or set KAFKA_BOOTSTRAP_SERVERS"
    ]


def test_a_setting_that_cannot_be_used_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESINSIGHTS_POLL_SECONDS", "often")

    done = salesinsights(tmp_path, "ingest")

    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: SALESINSIGHTS_POLL_SECONDS='often' is not a whole number")


def test_a_month_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir(exist_ok=True)
    (tmp_path / "archive" / "2019-Nov.csv").write_bytes(b"event_time,event_type\r2019-11-01 00:00:00 UTC,view\r")

    done = salesinsights(tmp_path, "backfill", "--from", "2019-11")

    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: 2019-11: 2019-Nov.csv, line 1: the header is not CSV")


@pytest.mark.kafka
def test_ingest_does_without_dagster_whose_import_takes_seconds(
    tmp_path: Path, real_kafka: KafkaConnection, topic: str
) -> None:
    ensure_topic(real_kafka, events_topic(topic))
    settings = {"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_TOPIC": topic, "PYTHONPROFILEIMPORTTIME": "1"}
    env = {**os.environ, **settings, "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers}

    done = subprocess.run([COMMAND, "ingest"], env=env, capture_output=True, text=True, timeout=480, check=False)

    imported = re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE)
    assert (done.returncode, "confluent_kafka" in imported, "dagster" in imported) == (0, True, False)


def test_sql_is_read_only_and_knows_every_table_of_an_empty_lake(tmp_path: Path) -> None:
    counted = salesinsights(
        tmp_path, "sql", "SELECT count(*) AS n FROM product_sales, silver_quarantine", "--format", "json"
    )
    refused = salesinsights(tmp_path, "sql", "DROP VIEW product_sales")

    assert json.loads(counted.stdout) == [{"n": 0}]
    assert (refused.exit_code, "read-only" in refused.stderr) == (2, True)


def test_the_help_of_sql_names_every_table() -> None:
    shown = CliRunner().invoke(main, ["sql", "--help"]).output

    assert {name for name in TABLES if not re.search(rf"\b{name}\b", shown)} == set()


def test_a_customer_is_shown_as_they_are_and_as_they_were(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.table(CUSTOMER_DAYS).append(customer_days({7: [(0, "3.00"), (9, "4.50")]}), {})
    refresh_customer_value(lake)

    now, then = (
        json.loads(salesinsights(tmp_path, "customer", "7", "--json", *options).stdout)
        for options in ([], ["--as-of", "2019-10-05"])
    )
    nobody = salesinsights(tmp_path, "customer", "8")

    assert (now["revenue"], now["basis"], now["as_of"]) == ("7.50", "current", "2019-10-10")
    assert (then["revenue"], then["basis"], then["as_of"]) == ("3.00", "computed", "2019-10-01")
    assert (nobody.exit_code, "user 8 has bought nothing" in nobody.stderr) == (2, True)
    before, to_come = (salesinsights(tmp_path, "customer", "7", "--as-of", day) for day in ("2019-09-30", "2999-01-01"))
    assert (before.exit_code, "the first is of 2019-10-01" in before.stderr) == (2, True)
    assert (to_come.exit_code, "2999-01-01 is a day to come" in to_come.stderr) == (2, True)
    assert "revenue " in salesinsights(tmp_path, "customer", "7").stdout


def test_a_snapshot_is_a_picture_of_the_days_that_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir(exist_ok=True)
    write_month(Shop(seed=1), 2019, 10, 5_000, tmp_path / "archive")
    nothing = salesinsights(tmp_path, "snapshot", "--out", str(tmp_path / "none.png"))
    assert salesinsights(tmp_path, "backfill", "--from", "2019-10").exit_code == 0

    newest = salesinsights(tmp_path, "snapshot", "--out", str(tmp_path / "day.png"))
    few = salesinsights(
        tmp_path,
        "snapshot",
        "--out",
        str(tmp_path / "few.png"),
        "--from",
        "2019-10-01",
        "--to",
        "2019-10-03",
        "--top",
        "3",
    )
    nowhere = salesinsights(tmp_path, "snapshot", "--out", str(tmp_path / "no" / "where.png"))
    unsold = salesinsights(tmp_path, "snapshot", "--out", str(tmp_path / "none.png"), "--from", "2020-05-01")

    assert (nothing.exit_code, "nothing was sold yet" in nothing.stderr) == (2, True)
    assert newest.stdout.endswith("products, 2019-10-31 to 2019-10-31\n")
    assert few.stdout.endswith("the top 3 products, 2019-10-01 to 2019-10-03\n")
    pictures = [(tmp_path / name).read_bytes() for name in ("day.png", "few.png")]
    assert all(picture.startswith(b"\x89PNG\r\n") for picture in pictures)
    heights = [int.from_bytes(picture[20:24]) for picture in pictures]
    assert heights[0] > heights[1]
    assert nowhere.stderr.strip() == f"Error: {tmp_path}/no/where.png can't be written: No such file or directory"
    assert (unsold.exit_code, "choose other days" in unsold.stderr) == (2, True)
    assert not (tmp_path / "none.png").exists()


def test_months_of_real_rows_are_backfilled_once(tmp_path: Path, real_rows: list[Path]) -> None:
    (tmp_path / "archive").mkdir(exist_ok=True)
    for path in real_rows:
        shutil.copy(path, tmp_path / "archive")
    months = ("backfill", "--from", "2019-10", "--to", "2019-12", "--json")

    first, again = (salesinsights(tmp_path, *months) for _ in range(2))
    missing = salesinsights(tmp_path, "backfill", "--from", "2020-01")

    loaded = [json.loads(line) for line in first.stdout.splitlines()]
    assert [(month["month"], month["accepted"], month["duplicates"]) for month in loaded] == [
        ("2019-10", 924, 75),
        ("2019-11", 947, 52),
        ("2019-12", 980, 19),
    ]
    assert [json.loads(line)["loaded_now"] for line in again.stdout.splitlines()] == [False, False, False]
    assert (missing.exit_code, "put 2020-Jan.csv there" in missing.stderr) == (2, True)
    answer = salesinsights(tmp_path, "sql", "SELECT sum(revenue) AS revenue FROM product_sales", "--format", "json")
    assert json.loads(answer.stdout) == [{"revenue": "989.15"}]
    audited = json.loads(salesinsights(tmp_path, "audit", "--json").stdout)
    assert (audited["passed"], audited["archive_months"], audited["archive_lines"]) == (True, 3, 2997)


def test_quarantine_is_listed_shown_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir(exist_ok=True)
    header = "event_time,event_type,product_id,price,user_id"
    lines = ["2019-10-01 00:00:00 UTC,view,1,2.50,3", "2019-10-01 00:00:00 UTC,gift,1,[b]2.50[/b],3"]
    (tmp_path / "archive" / "2019-Oct.csv").write_text("\n".join([header, *lines]))
    salesinsights(tmp_path, "backfill", "--from", "2019-10")

    listed = salesinsights(tmp_path, "quarantine", "list", "--json")
    shown = salesinsights(tmp_path, "quarantine", "show", "--day", "2019-10-01", "--json")
    tried = salesinsights(tmp_path, "quarantine", "replay", "--json")

    row = {"arrival_date": "2019-10-01", "source": "archive", "reason": "unknown_event_type", "rows": 1}
    assert json.loads(listed.stdout) == row
    assert json.loads(shown.stdout)["value"] == lines[1]
    assert json.loads(shown.stdout)["detail"] == '2019-Oct, line 3: event_type: "gift"'
    nothing = {"won_back": 0, "accepted": 0, "duplicates": 0, "days": []}
    assert json.loads(tried.stdout) == {"tried": 1, "still_refused": 1, **nothing}


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_the_real_rows_come_out_right(tmp_path: Path, real_kafka: KafkaConnection, real_rows: list[Path]) -> None:
    servers, files = real_kafka.bootstrap_servers, [str(path) for path in real_rows]

    published = in_a_process(tmp_path, "produce", *files, kafka=servers)
    receipt = in_a_process(tmp_path, "ingest", "--json", kafka=servers)
    again = in_a_process(tmp_path, "produce", "--json", *files, kafka=servers)
    nothing = in_a_process(tmp_path, "ingest", "--json", kafka=servers)

    assert published.returncode == receipt.returncode == 0, published.stderr + receipt.stderr
    assert {name: json.loads(receipt.stdout)[name] for name in ("messages", "accepted", "duplicates")} == {
        "messages": 2997,
        "accepted": 2851,
        "duplicates": 146,
    }
    assert [json.loads(line)["published_now"] for line in again.stdout.splitlines()] == [False, False, False]
    assert json.loads(nothing.stdout)["batches"] == 0
    query = """
        SELECT (SELECT count(*) FROM silver_events) AS events, (SELECT sum(revenue) FROM product_sales) AS revenue,
               (SELECT count(*) FROM silver_events WHERE event_type = 'purchase') AS purchases
    """
    answer = in_a_process(tmp_path, "sql", query, "--format", "json")
    assert json.loads(answer.stdout) == [{"events": 2851, "revenue": "989.15", "purchases": 257}]
    audited = in_a_process(tmp_path, "audit", "--json")
    assert (audited.returncode, json.loads(audited.stdout)["passed"]) == (0, True)


def test_sql_without_a_statement_answers_each_one_and_goes_on_after_an_error(tmp_path: Path) -> None:
    typed = "SELECT count(*) AS sold\nFROM product_sales;\nDROP TABLE customer_days;\nSELECT 1 +\n1 AS two;\nexit\n"
    env = {**os.environ, "SALESINSIGHTS_HOME": str(tmp_path)}

    done = subprocess.run(
        [COMMAND, "sql", "--format", "csv"], env=env, input=typed, capture_output=True, text=True, timeout=480
    )

    assert done.returncode == 0
    assert done.stdout.split() == ["sold", "0", "two", "2"]
    assert "write exactly one SELECT" in done.stderr
