"""`lint-imports` holds the agreed order of packages and rooms, and the stream starts light.

Add here: a rule about which module may know which. Not here: a rule about behaviour.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PACKAGES = ["salesinsights_dagster", "sensors", "assets", "resources"]
ROOMS = [
    "upkeep | serving",
    "archive | customers | intake | products | stream | viewers | visitors",
    "gold",
    "silver",
    "bronze",
    "progress | runs",
    "tables",
    "events",
]


def test_the_contracts_are_not_loosened() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

    packages, rooms = ({name: value for name, value in one.items() if name != "name"} for one in linter["contracts"])

    assert linter["root_packages"] == PACKAGES
    assert packages == {"type": "layers", "layers": PACKAGES}
    assert rooms == {"type": "layers", "containers": ["assets"], "exhaustive": True, "layers": ROOMS}


def test_a_newcomer_sees_the_order_where_the_rooms_are() -> None:
    told = (ROOT / "assets" / "__init__.py").read_text()

    assert all(f"    {layer.replace(' | ', '  ')}\n" in told for layer in ROOMS)


@pytest.mark.parametrize(
    "unwanted", ["dagster", "scipy", "matplotlib", "assets.customers", "assets.visitors", "assets.upkeep"]
)
def test_the_way_of_a_payment_does_not_load(unwanted: str) -> None:
    code = "import sys, assets.stream.micro_batch; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert unwanted not in loaded.split()
