"""Days of bronze that are judged in tasks, on whatever machine: what a task does, and what it leaves.

Each attempt of a task writes a draft of its own: a small lake in a folder that all machines reach. Its report names the
draft and counts its rows. A draft that no report names is never read, so an attempt that failed, or that Spark had
given up, leaves nothing in a table.
Add here: how a draft is written and read back. Not here: how its rows get into silver (`silver`).
"""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from uuid import uuid4

import polars as pl

from assets.events.contract import AddedFields
from assets.silver.day_pieces import JUDGED, READ_ROWS, judged_in, pieces_of
from assets.tables import BRONZE_EVENTS, SILVER_EVENTS
from resources.adoption import rows_written
from resources.engine import Engine
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

REFUSED = TableLayout("silver/refused", JUDGED)
"""The refused rows of a draft."""

COUNTS = pl.Schema({"source": pl.String(), "partition": pl.Int32(), "outcome": pl.String(), "rows": pl.UInt32()})

REPORT = pl.Schema({"draft": pl.String(), "fence": pl.Int64(), **COUNTS})
"""What a task says: its draft, bronze's fence when it was read, and the rows per source, partition and outcome."""


@dataclass(frozen=True)
class Draft:
    """What one attempt left, with what it says of that."""

    lake: Lake
    fence: int
    counts: pl.DataFrame

    @property
    def accepted(self) -> LakeTable:
        """The accepted rows, as silver has them. Raises LakeError if this machine does not see them all."""
        return self._whole(SILVER_EVENTS, "accepted")

    def refused(self) -> Iterator[pl.DataFrame]:
        """The refused rows as JUDGED. Raises LakeError if this machine does not see them all."""
        return self._whole(REFUSED, "quarantined").stream(None, READ_ROWS)

    def _whole(self, layout: TableLayout, outcome: str) -> LakeTable:
        due = int(self.counts.filter(outcome=outcome)["rows"].sum())
        seen = rows_written(Path(self.lake.uri(layout)))
        if seen != due:
            raise LakeError(
                f"a worker wrote {due} rows of {layout.name}, and {seen} of them are seen here: check that each worker "
                "reaches the lake's folder under the same path, then run it again"
            )
        return self.lake.table(layout)


def judge_in_tasks(
    engine: Engine, lake: Lake, folder: Path, days: Sequence[date], last: int, added: AddedFields
) -> list[Draft]:
    """Judge days of bronze up to batch `last`, a task a day, into `folder`. Raises as `Engine.run`."""
    work = partial(judge_apart, lake.root, str(folder), last, added)
    reports = pl.concat([REPORT.to_frame(), *engine.run(work, days)])
    return [
        Draft(Lake(str(folder / str(name))), int(fence), counts.select(COUNTS.names()))
        for (name, fence), counts in reports.group_by("draft", "fence", maintain_order=True)
    ]


def judge_apart(root: str, folder: str, last: int, added: AddedFields, days: Sequence[date]) -> pl.DataFrame:
    """Judge these days of bronze up to batch `last` into a new draft in `folder`; returns its REPORT.

    What a task does. Carried out again, it writes another draft. Raises LakeError if the folder is not there.
    """
    place = Path(folder) / uuid4().hex
    try:
        # Never with its parents: a late attempt must not bring back a folder that the driver has deleted.
        place.mkdir()
    except FileNotFoundError as missing:
        raise LakeError(
            f"{platform.node()} does not see {folder}: each worker must reach the lake's folder under the same path"
        ) from missing
    draft = Lake(str(place))
    with pieces_of(Lake(root).table(BRONZE_EVENTS), days, last, added) as pieces:
        counts = judged_in(
            pieces,
            refuse=lambda rows: draft.table(REFUSED).append(rows, {}),
            accept=lambda rows: draft.table(SILVER_EVENTS).append(rows, {}),
        )
    named = counts.with_columns(draft=pl.lit(place.name), fence=pl.lit(pieces.fence))
    return named.select(REPORT.names()).cast(REPORT)
