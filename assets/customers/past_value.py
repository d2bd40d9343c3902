"""What every buyer was worth: the historical measures, computed by `customer_value.sql`.

Add here: how the query is run. Not here: what a measure means (the `.sql` file), or predictions (`lifetime_model`).
"""

from pathlib import Path

import polars as pl

from assets.tables import CUSTOMER_VALUE, PREDICTED, SEGMENTED
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query

MEMORY = "400MB"
"""DuckDB's memory limit: enough for a million buyers; with more it is no faster."""

_LATER = {*PREDICTED, "model_version", *SEGMENTED}

_SCHEMA = pl.Schema({name: kind for name, kind in CUSTOMER_VALUE.schema.items() if name not in _LATER})


def past_value(history: pl.DataFrame) -> pl.DataFrame:
    """One row per buyer, from parts of their histories (`purchase_history`).

    The columns of customer_value, without predictions and segments.
    """
    sql = Path(__file__).with_name("customer_value.sql").read_text()
    with duckdb_session({"history": history}, memory_limit=MEMORY, macros=macros()) as connection:
        return query(connection, sql).select(_SCHEMA.names()).cast(_SCHEMA)
