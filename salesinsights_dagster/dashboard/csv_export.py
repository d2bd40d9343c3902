"""Figures as CSV that a spreadsheet can open without running anything.

Add here: how a value is written. Not here: which figures there are (`api`).
"""

import polars as pl

_STARTS_FORMULA = r"^[=+\-@\t\r]"


def as_csv(frame: pl.DataFrame) -> str:
    """The frame as CSV; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = pl.col(pl.String)
    safe = pl.when(text.str.contains(_STARTS_FORMULA)).then(pl.lit("'") + text).otherwise(text)
    return frame.with_columns(safe.name.keep()).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ")
