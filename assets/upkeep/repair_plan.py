"""What a repair is going to drop, written down before it drops anything: a repair that is killed is resumed from it.

Once a broken file is dropped, nothing in the lake says any more what it held. Add here: what must be known of a dropped
file. Not here: how its rows are restored (`lost_files`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from assets.tables.table import Table
from resources.lake import Lake
from resources.whole_files import write_whole


@dataclass(frozen=True)
class Damage:
    """The broken files of a table, their days, and for bronze the first and the last batch that they held."""

    places: list[str]
    days: list[date]
    first: int = 0
    last: int = 0

    def with_more(self, other: "Damage") -> "Damage":
        """Both in one."""
        places, days = ({*mine, *theirs} for mine, theirs in ((self.places, other.places), (self.days, other.days)))
        return Damage(sorted(places), sorted(days), min(self.first, other.first), max(self.last, other.last))


def damage_of(table: Table, files: pl.DataFrame) -> Damage:
    """The damage of these rows of `LakeTable.broken_files`."""
    days = sorted(set(files[table.file_day])) if table.partition_by else []
    ends = [files[name].drop_nulls() if name in files.columns else () for name in ("min.batch", "max.batch")]
    return Damage(sorted(files["place"]), days, min(ends[0], default=0), max(ends[1], default=0))


def unfinished_repair(lake: Lake) -> dict[str, Damage]:
    """By table, what a repair that was cut short was going to restore."""
    try:
        kept = json.loads(_path(lake).read_text())
    except FileNotFoundError:
        return {}
    return {
        name: Damage(**{**one, "days": [date.fromisoformat(day) for day in one["days"]]}) for name, one in kept.items()
    }


def begin_repair(lake: Lake, plan: Mapping[str, Damage]) -> None:
    """Write down what is going to be restored."""
    write_whole(_path(lake), json.dumps({name: vars(one) for name, one in plan.items()}, default=str))


def end_repair(lake: Lake) -> None:
    """Everything is restored, or was named as lost."""
    _path(lake).unlink(missing_ok=True)


def _path(lake: Lake) -> Path:
    return Path(lake.root) / "_repair.json"
