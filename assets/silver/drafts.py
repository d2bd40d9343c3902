"""Days of bronze that are judged in tasks, on whatever machine: what a task does, and what it leaves.

Add here: what a draft of judged days holds. Not here: what a draft is (`resources.drafts`), or how its rows get into
silver (`silver`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from assets.events.contract import AddedFields
from assets.silver.day_pieces import JUDGED, READ_ROWS, judged_in, pieces_of
from assets.tables import BRONZE_EVENTS, SILVER_EVENTS
from resources.drafts import lake_at, new_draft, whole
from resources.engine import Engine
from resources.lake import Lake
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
        return whole(self.lake, layout, int(self.counts.filter(outcome=outcome)["rows"].sum()))


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
    draft = new_draft(Path(folder))
    with pieces_of(lake_at(root, BRONZE_EVENTS).table(BRONZE_EVENTS), days, last, added) as pieces:
        counts = judged_in(
            pieces,
            refuse=lambda rows: draft.table(REFUSED).append(rows, {}),
            accept=lambda rows: draft.table(SILVER_EVENTS).append(rows, {}),
        )
    named = counts.with_columns(draft=pl.lit(Path(draft.root).name), fence=pl.lit(pieces.fence))
    return named.select(REPORT.names()).cast(REPORT)
