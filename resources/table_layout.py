"""What a table of the lake is: its place, its columns, and how its files are written.

Add here: what is fixed before a table has rows. Not here: which tables there are (`assets.tables`), or work on one
(`lake_table`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl
from deltalake import ColumnProperties, Schema, WriterProperties

from resources.superseding import Superseding

PROPERTIES = {
    "delta.checkpointInterval": "5",
    "delta.logRetentionDuration": "interval 2 hours",
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 6 hours",
}
"""A checkpoint takes about a millisecond, and each commit since the last one adds as much to every load: one in 5
commits keeps loading cheap and flat.

Each commit lists the log's folder: with the entries of six hours at a live run's pace, 7,000 of them, a commit took 60
ms, ten times that of a young table, most of it the search for entries to delete. So an entry stays for two hours,
longer than any run lasts, and old ones are deleted only by `LakeTable.shorten_log` and `checkpoint`. Replaced files
stay for six: longer than any reader lasts. A checkpoint names each of them for that time."""


RULE = "salesinsights.rule"
"""The property of a table that says by which rule all of its rows are computed; 1 where it is missing."""


@dataclass(frozen=True)
class TableLayout:
    """A table's place and shape: `name` is its path under the root, `partition_by` its partition columns.

    - `key`: the columns that identify a row.
    - `high_cardinality`: columns whose values rarely repeat within a file: a dictionary of them only costs.
    - `rule`: the number of the rule by which rows are computed, raised where rows of a table in use must be recomputed.
    - `file_bytes`: about how large a file may be if rows of a day are replaced: replacing a row rewrites its file.
    """

    name: str
    schema: pl.Schema
    partition_by: tuple[str, ...] = ()
    description: str = ""
    key: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    high_cardinality: tuple[str, ...] = ()
    file_bytes: int | None = None
    superseding: Superseding | None = None
    rule: int = 1

    @property
    def files(self) -> WriterProperties:
        """How Parquet is written: in half the bytes of the default (Snappy), in the same time.

        Columns of text and bytes have statistics by chunk, not by page: nobody searches pages by them.
        """
        columns = {
            name: ColumnProperties(
                dictionary_enabled=name not in self.high_cardinality,
                statistics_enabled="CHUNK" if kind in (pl.String, pl.Binary) else "PAGE",
            )
            for name, kind in self.schema.items()
            if name in self.high_cardinality or kind in (pl.String, pl.Binary)
        }
        return WriterProperties(compression="ZSTD", compression_level=1, column_properties=columns)

    @property
    def delta(self) -> Schema:
        """The columns as Delta Lake knows them."""
        return Schema.from_arrow(self.schema)

    def column_types(self) -> dict[str, str]:
        """Each column's type under Delta Lake's name for it, such as `decimal(18,2)` or `timestamp`."""
        fields = json.loads(self.delta.to_json())["fields"]
        return {field["name"]: _type_name(field["type"]) for field in fields}

    @property
    def file_day(self) -> str:
        """The column of `LakeTable.files` that names the day of a file."""
        return f"partition.{self.partition_by[0]}"

    def on_days(self, days: Iterable[date]) -> str:
        """A literal partition predicate, so that a replacement conflicts only with writers of the same days."""
        listed = ", ".join(f"DATE '{day}'" for day in sorted(days))
        return f"{self.partition_by[0]} IN ({listed})" if listed else "false"


def _type_name(kind: str | dict[str, str]) -> str:
    return kind if isinstance(kind, str) else f"{kind['type']}<{kind['elementType']}>"
