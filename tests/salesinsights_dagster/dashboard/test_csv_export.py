import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from salesinsights_dagster.dashboard.csv_export import as_csv


def test_text_that_starts_like_a_formula_is_shown_as_text_and_numbers_stay_numbers() -> None:
    brands = ["=1+1", "+cmd", "-x", "@a", "\tb", "run-ail", None]
    frame = pl.DataFrame(
        {"brand": brands, "revenue": [Decimal("-1.50")] * 7, "at": [datetime(2026, 1, 1, tzinfo=UTC)] * 7},
        schema_overrides={"revenue": pl.Decimal(18, 2)},
    )

    lines = as_csv(frame).splitlines()

    assert lines[0] == "brand,revenue,at"
    assert [line.split(",")[0] for line in lines[1:]] == ["'=1+1", "'+cmd", "'-x", "'@a", "'\tb", "run-ail", ""]
    assert {line.split(",", 1)[1] for line in lines[1:]} == {"-1.50,2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" =1+1", "' =1+1"),
        ("\u200b=1+1", "'\u200b=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("a;=1+1;-2;b", "a;'=1+1;'-2;b"),
        ("a\t@b", "a\t'@b"),
        ("\t=1", "'\t'=1"),
        ("a\r\n+b", "a\r\n'+b"),
        ("a-b=c; d+e", "a-b=c; d+e"),
    ],
)
def test_no_cell_begins_with_a_formula_wherever_a_spreadsheet_begins_one(text: str, written: str) -> None:
    rows = csv.reader(io.StringIO(as_csv(pl.DataFrame({"brand": [text], "units": [1]})), newline=""))

    assert list(rows) == [["brand", "units"], [written, "1"]]
