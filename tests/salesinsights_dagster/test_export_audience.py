"""`salesinsights export audience`, and audiences in `refresh`."""

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from assets.tables import AUDIENCE_MEMBERS
from resources.described_parquet import COLUMNS
from resources.lake import Lake
from salesinsights_dagster.cli import main
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.lakes import rows

USER = int(PURCHASE.split(",")[7])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    (tmp_path / "archive").mkdir(exist_ok=True)
    put(tmp_path / "archive", [PURCHASE, PURCHASE.replace(str(USER), "8").replace("2.62", "1.00")])
    load(Lake(str(tmp_path / "lake")), tmp_path / "archive")
    return tmp_path


def told(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_an_audience_is_refreshed_and_exported_as_csv_and_parquet(home: Path) -> None:
    (home / "audiences.toml").write_text('[rich]\nrevenue_from = "2.00"\nbought_brand = ["runail"]\n')
    early = told("export", "audience", "rich", "--out", str(home / "out"))
    assert "gold/customer_value is not up to date: `salesinsights refresh`" in early.stderr
    assert told("refresh").exit_code == 0

    done = told("export", "audience", "rich", "--out", str(home / "out"))

    assert (done.exit_code, done.stderr) == (0, "")
    assert rows(Lake(str(home / "lake")), AUDIENCE_MEMBERS).select("audience", "user_id").rows() == [("rich", USER)]
    members = pl.read_parquet(home / "out" / "audience_rich.parquet")
    assert members.select("user_id", "revenue", "cart_value").rows() == [(USER, Decimal("2.62"), None)]
    assert "sum of all purchase prices" in pl.read_parquet_metadata(home / "out" / "audience_rich.parquet")[COLUMNS]
    text = (home / "out" / "audience_rich.csv").read_text().splitlines()
    assert text[0] == ",".join(members.columns)
    assert text[1].startswith(f"{USER},")
    assert len(text) == 2
    log = [json.loads(line) for line in (home / "exports.jsonl").read_text().splitlines()]
    assert [(line["what"], line["rows"]) for line in log[-2:]] == [
        (f"export {home / 'out'}/audience_rich.{kind}", 1) for kind in ("parquet", "csv")
    ]
    assert log[0]["who"]


def test_a_wrong_name_and_a_wrong_file_are_named(home: Path) -> None:
    assert "there is no audience vip: " in told("export", "audience", "vip", "--out", str(home)).stderr
    (home / "audiences.toml").write_text("[vip]\nspends = 3\n")

    refreshed = told("refresh")

    assert "audiences.toml: vip.spends: Extra inputs" in str(refreshed.stderr or refreshed.exception)
    assert "gold/customer_value" in refreshed.stdout
    assert refreshed.exit_code != 0
