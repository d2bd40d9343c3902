"""Lakes as an older release left them: this release's lake without the columns that a newer one added.

Add here: what an older lake lacks. Not here: what must still work on it.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from resources.lake import Lake
from resources.table_layout import TableLayout


def take_away(lake: Lake, layout: TableLayout, columns: Collection[str]) -> None:
    """Take columns out of the table's data files, its schema and the statistics of its files, in every version."""
    folder = Path(lake.uri(layout))
    for file in folder.rglob("*.parquet"):
        if "_delta_log" not in file.parts:
            pl.read_parquet(file, hive_partitioning=False).drop(columns, strict=False).write_parquet(file)
    _forget_checkpoints(folder / "_delta_log")
    for entry in (folder / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        entry.write_text("\n".join(json.dumps(_without(action, columns, folder)) for action in actions))


def _forget_checkpoints(log: Path) -> None:
    first = log / f"{0:020}.json"
    assert first.exists(), "entries of the log are gone that only a checkpoint holds"
    for checkpoint in [*log.glob("*.checkpoint*"), *log.glob("_last_checkpoint")]:
        checkpoint.unlink()


def _without(action: dict[str, Any], columns: Collection[str], folder: Path) -> dict[str, Any]:
    if "metaData" in action:
        schema = json.loads(action["metaData"]["schemaString"])
        schema["fields"] = [column for column in schema["fields"] if column["name"] not in columns]
        action["metaData"]["schemaString"] = json.dumps(schema)
    if "add" in action:
        file, stats = folder / unquote(action["add"]["path"]), json.loads(action["add"]["stats"])
        for kind in ("minValues", "maxValues", "nullCount"):
            stats[kind] = {name: value for name, value in stats.get(kind, {}).items() if name not in columns}
        action["add"] |= {"stats": json.dumps(stats), "size": file.stat().st_size if file.exists() else 0}
    return action
