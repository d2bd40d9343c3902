"""Columns that a newer release added to a table in use, and what that means for rows that are older.

Add here: what follows for rows that are older than a column. Not here: how a column is added (`resources.lake`).
"""

import polars as pl

from assets.events.contract import EXTRA, AddedFields
from resources.lake_table import LakeTable


def added_fields(silver: LakeTable) -> AddedFields:
    """The fields of the contract that silver got while the lake was in use, and when."""
    return {name: added for name, added in silver.added_columns.items() if name in EXTRA}


def comparable(rows: pl.DataFrame, table: LakeTable, made_at: str) -> pl.DataFrame:
    """The rows without values that they need not have: null in each column that is younger than the row.

    `made_at` names the column with the row's own time. A rebuild computes such a value, and a row that was written
    before the column existed has none: both are right.
    """
    added = [(name, at) for name, at in table.added_columns.items() if name in rows.columns and name != made_at]
    return rows.with_columns(pl.when(pl.col(made_at) > at).then(name).alias(name) for name, at in added)
