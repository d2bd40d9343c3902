"""`salesinsights catalog`: a file's facts in SQL, and the statements of docs/products.md that use them."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from resources.lake import Lake
from salesinsights_dagster.cli import main
from tests.assets.archive.month_lines import PURCHASE, load, put

DOCS = Path(__file__).resolve().parents[2] / "docs" / "products.md"
SOLD = PURCHASE.split(",")[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    return tmp_path


def told(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_catalogue_is_loaded_once_and_a_bad_one_not_at_all(home: Path) -> None:
    file = home / "products.csv"
    file.write_text("product_id,name,cost\n5,Lipstick,2.00\n6,Rouge,1.00\n")

    assert told("catalog", str(file)).stdout == "products.csv: 2 new, 0 changed, 0 gone, 0 unchanged\n"
    again = json.loads(told("catalog", str(file), "--json").stdout)
    assert again == {"file": "products.csv", "new": 0, "changed": 0, "gone": 0, "unchanged": 2}
    file.write_text("product_id,name,cost\n5,Lipstick,cheap\n")
    refused = told("catalog", str(file))

    assert (refused.exit_code, "cost of product number 1 is 'cheap'" in refused.stderr) == (2, True)
    asked = told("sql", "SELECT product_id, name, cost FROM catalog ORDER BY ALL", "--format", "csv").stdout
    assert asked == "product_id,name,cost\n5,Lipstick,2.00\n6,Rouge,1.00\n"


def test_the_statements_of_the_docs_answer(home: Path) -> None:
    (home / "archive").mkdir(exist_ok=True)
    put(home / "archive", [PURCHASE])
    load(Lake(str(home / "lake")), home / "archive")
    file = home / "products.csv"
    file.write_text(f"product_id,name,cost,stock\n{SOLD},Nail polish,1.00,0\n6,Rouge,1.00,9\n")
    assert told("catalog", str(file)).exit_code == 0
    assert told("refresh").exit_code == 0
    statements = re.findall(r"    -- .*\n((?:    .+\n)+)", DOCS.read_text())

    answers = [told("sql", text, "--format", "csv") for text in statements]
    assert [answer.exit_code for answer in answers] == [0, 0, 0, 0], answers
    never, lately, ending, margin = (answer.stdout.splitlines()[1:] for answer in answers)

    assert margin == [f"2019-10-01,{SOLD},Nail polish,1.62"]
    assert (never, lately) == (["6,Rouge"], [])
    assert ending == [f"{SOLD},Nail polish,0.0"]
