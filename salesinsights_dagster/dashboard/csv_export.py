"""Figures as CSV that a spreadsheet can open without running anything.

Add here: how a value is written. Not here: which figures there are (`api`).
"""

import polars as pl

_FORMULA = r"(^|[;\t\r\n])([\p{Zs}\p{Cf}\x00-\x08\x0b\x0c\x0e-\x1f]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])"
"""What a spreadsheet takes for a formula: it begins a cell, also one after a semicolon or a tab, where some
spreadsheets end one, quoted or not. Invisible characters may stand before it; the wide signs are those of East Asia."""

_GAP = r"^([\t\r])"
"""Some spreadsheets leave it out, and look at what follows."""


def as_csv(frame: pl.DataFrame) -> str:
    """The frame as CSV; what a spreadsheet would take for a formula gets an apostrophe in front."""
    safe = pl.col(pl.String).str.replace_all(_FORMULA, "${1}'${2}").str.replace(_GAP, "'${1}")
    return frame.with_columns(safe).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ")
