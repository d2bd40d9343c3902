"""Rows that a task writes on whatever machine, in a folder that all machines reach: one committer takes them in.

Each attempt of a task writes a draft of its own: a small lake. Its report names the draft and counts its rows. A draft
that no report names is never read, so an attempt that failed, or that Spark had given up, leaves nothing in a table.
Add here: how a draft is made and read back. Not here: what is in it (`assets`), or how files change place (`stand_in`).
"""

import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import polars as pl

from resources.adoption import rows_written
from resources.engine import EngineError
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

REPORT = pl.Schema({"draft": pl.String(), "rows": pl.Int64()})
"""What a task says that wrote rows of one table: the name of its draft, and how many rows it has."""


def check_reachable(lake: Lake) -> None:
    """Raises EngineError for a lake that workers can't write drafts to."""
    if not lake.is_local:
        raise EngineError("an engine needs the lake in a folder that all workers reach: unset SALESINSIGHTS_ENGINE")


def lake_at(root: str, layout: TableLayout) -> Lake:
    """The lake of a task. Raises LakeError if this machine does not see its table: it would make an empty one."""
    lake = Lake(root)
    if lake.is_local and not (Path(lake.uri(layout)) / "_delta_log").is_dir():
        raise _unseen(lake.uri(layout))
    return lake


def new_draft(folder: Path) -> Lake:
    """A new draft in `folder`. Raises LakeError if the folder is not there."""
    place = folder / uuid4().hex
    try:
        # Never with its parents: a late attempt must not bring back a folder that the driver has deleted.
        place.mkdir()
    except FileNotFoundError as missing:
        raise _unseen(str(folder)) from missing
    return Lake(str(place))


def write_draft(folder: Path, layout: TableLayout, rows: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Write rows of a table, as they come, into a new draft in `folder`; returns a REPORT of one row."""
    draft, written = new_draft(folder), [0]

    def counted() -> Iterator[pl.DataFrame]:
        for some in rows:
            written.append(some.height)
            yield some

    draft.table(layout).append(counted(), {})
    return pl.DataFrame([{"draft": Path(draft.root).name, "rows": sum(written)}], REPORT)


def drafts_in(folder: Path, layout: TableLayout, reports: Iterable[pl.DataFrame]) -> list[LakeTable]:
    """The tables of the drafts that REPORTs name. Raises as `whole`."""
    named = pl.concat([REPORT.to_frame(), *reports])
    return [whole(Lake(str(folder / name)), layout, due) for name, due in named.iter_rows()]


def whole(draft: Lake, layout: TableLayout, due: int) -> LakeTable:
    """A table of a draft. Raises LakeError if this machine does not see all `due` rows of it."""
    seen = rows_written(Path(draft.uri(layout)))
    if seen != due:
        raise LakeError(
            f"a worker wrote {due} rows of {layout.name}, and {seen} of them are seen here: check that each worker "
            "reaches the lake's folder under the same path, then run it again"
        )
    return draft.table(layout)


def _unseen(place: str) -> LakeError:
    return LakeError(
        f"{platform.node()} does not see {place}: each worker must reach the lake's folder under the same path"
    )
