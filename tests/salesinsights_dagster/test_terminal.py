"""Tables in a terminal or a pipe: every value is shown in full, whatever the width."""

import polars as pl
import pytest

from salesinsights_dagster.commands.terminal import SHOWN_ROWS, print_table
from tests.hostile_texts import HOSTILE

LONG = "26dd6e6e-4dac-4778-8d2c-92e149dab885 " * 3
ROWS = pl.DataFrame({"product_id": [1, 2], "[b]session": [LONG, "[red]none"], "units": [None, 3]})


def printed(capsys: pytest.CaptureFixture[str], rows: pl.DataFrame, width: int | None) -> list[str]:
    print_table(rows, width)
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_a_line_a_row_as_long_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, ROWS, None)

    assert [LONG in line for line in lines].count(True) == 1
    assert len(lines) == ROWS.height + 4
    assert "[b]session" in lines[1]


def test_a_table_that_fits_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, ROWS, 200)

    assert "product_id" in lines[1]
    assert "[b]session" in lines[1]


def test_a_table_too_wide_for_the_terminal_is_a_list_of_whole_values(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, ROWS, 60)

    assert max(map(len, lines)) <= 60
    assert "".join(line[len("[b]session") :].strip() for line in lines[2:5]).replace(" ", "") == LONG.replace(" ", "")
    assert [line.split() for line in lines if "[red]" in line] == [["[b]session", "[red]none"]]
    assert lines[0].strip() == "row 1"


def test_the_rows_that_are_left_out_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(pl.DataFrame({"n": range(SHOWN_ROWS + 1)}), None)

    assert capsys.readouterr().err == f"{SHOWN_ROWS} of {SHOWN_ROWS + 1} rows\n"


def test_a_terminal_obeys_no_text_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(pl.DataFrame({"brand": HOSTILE}), None)

    shown = capsys.readouterr().out
    assert set(shown) & set(map(chr, [*range(10), *range(11, 32), *range(127, 160)])) <= {"\t"}
    assert r"\x1b]0;broken" in shown
    assert "<script>window.broken=1</script>" in shown
