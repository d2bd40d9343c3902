"""Parquet files for other tools, with a description of each column in the schema.

Add here: how such a file is written. Not here: which columns there are, or what they hold.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from arro3.core import Schema

from resources.table_layout import TableLayout

COLUMNS = "salesinsights.columns"
"""The entry of a file's metadata: per column its type, under Delta Lake's name for it, and its description, as JSON."""


def write_described(rows: pl.DataFrame, path: Path, descriptions: Mapping[str, str]) -> None:
    """Write `rows` to `path`, replacing a file there at once or not at all. Raises OSError.

    The description of a column is the metadata `description` of its Arrow field, which is in the Parquet schema; all of
    them are in the file's metadata too, under COLUMNS.
    """
    shape = Schema.from_arrow(rows.schema)
    fields = [shape.field(name).with_metadata({"description": descriptions[name]}) for name in rows.columns]
    kinds = TableLayout("file", rows.schema).column_types()
    told = {name: {"type": kind, "description": descriptions[name]} for name, kind in kinds.items()}
    unfinished = path.with_name(f".{path.name}.unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(unfinished, arrow_schema=Schema(fields), metadata={COLUMNS: json.dumps(told)})
    unfinished.replace(path)
