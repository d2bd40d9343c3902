"""A week of commits at the pace of a run that stays: what a batch, and a commit, cost on the way.

It takes some ten hours of one core. Its lake stays in a folder where the next call goes on, so end it when you like.
Add here: nothing that an hour shows. Not here: how a commit is made and a batch measured (`flatness`).
"""

import pickle
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from benchmarks.flatness import BATCH, COMMITS_AN_HOUR, LIVE, RETENTION, RETENTION_HOURS, Bench, beside
from resources.table_layout import PROPERTIES
from salesinsights_dagster.simulator.shop import Shop

HOURS = 7 * 24
EVERY = 12
"""How many hours pass between two measurements of a batch."""


@dataclass
class Week:
    """How far a week is: whole hours, CPU milliseconds of a commit in each, and the lines of the table so far.

    An hour that was not finished is lived through again: the lake finds its events to be copies.
    """

    folder: Path
    shop: Shop
    commits: list[float]
    lines: list[dict[str, object]]

    @classmethod
    def found(cls, folder: Path) -> "Week":
        saved = folder / "week.pickle"
        if not saved.exists():
            return cls(folder, Shop(seed=2), [], [])
        week: Week = pickle.loads(saved.read_bytes())  # noqa: S301 - `save` wrote it
        return replace(week, folder=folder)

    def save(self) -> None:
        written = self.folder / "week.new"
        written.write_bytes(pickle.dumps(self))
        written.replace(self.folder / "week.pickle")

    def bench(self) -> Bench:
        """The lake, and what feeds it, as the next hour finds them."""
        return Bench(self.folder / "lake", LIVE + timedelta(hours=len(self.commits)), self.shop)

    def hour(self) -> float:
        """Live through the next hour; return its wall seconds."""
        begun, begun_wall = time.process_time(), time.perf_counter()
        self.bench().live_through(COMMITS_AN_HOUR)
        self.commits.append(1000 * (time.process_time() - begun) / COMMITS_AN_HOUR)
        return time.perf_counter() - begun_wall

    def measure(self) -> None:
        """Add a line: a batch on a twin of the lake, in turns with one on an empty lake."""
        with tempfile.TemporaryDirectory(dir=self.folder) as apart:
            empty, hours = Bench(Path(apart) / "lake"), len(self.commits)
            empty.batch(BATCH)
            last = self.commits[-EVERY:]
            commit = {"CPU ms a commit": round(sum(last) / len(last), 1)}
            self.lines.append({**beside(empty, self.bench(), f"after {hours} hours", Path(apart)), **commit})


def run(folder: Path, minutes: float) -> list[dict[str, object]]:
    """Live through the next hours of the week in `folder`, which keeps the lake; a line for every EVERY hours so far.

    Begins no hour after `minutes`. Replaced files are kept for six hours of the pace of this call's first hour.
    """
    folder.mkdir(parents=True, exist_ok=True)
    week, until = Week.found(folder), time.monotonic() + 60 * minutes
    with patch.dict(PROPERTIES):
        kept = PROPERTIES[RETENTION]
        while len(week.commits) < HOURS and time.monotonic() < until:
            seconds = week.hour()
            if PROPERTIES[RETENTION] == kept:
                PROPERTIES[RETENTION] = f"interval {RETENTION_HOURS * seconds:.0f} seconds"
            if len(week.commits) % EVERY == 0:
                week.measure()
            week.save()
        if not week.lines:
            week.measure()
    return week.lines
