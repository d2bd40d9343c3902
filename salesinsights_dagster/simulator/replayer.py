"""The command `replay`: cuts month files into days, and drops one day after another into a folder.

Rows pass through as bytes, bad ones too: nothing is quoted, trimmed or reordered.

Add here: how files are cut and when a day is dropped.
Not here: what reads the folder.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import click

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.commands.simulated_home import say_if_simulated
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.stopping import stop_on_signals

HEADER = b"event_time,"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UNDATED = "undated"
DAY = re.compile(rb"(\d{4}-\d{2}-\d{2})[ T]")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")

Wait = Callable[[float], bool]


class ReplayError(ForeseenError):
    """A source can't be replayed; the message names it and the remedy."""


@dataclass(frozen=True, order=True)
class DayFile:
    """One day of one source, under a hidden name until its turn comes."""

    day: str
    source: str
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.source}-{self.day}.csv"

    @property
    def hidden(self) -> Path:
        return self.folder / f".{self.path.name}.waiting"


def replay(
    sources: Sequence[Path],
    folder: Path,
    seconds: float,
    wait: Wait,
    dropped: Callable[[Path], object] = lambda path: None,
) -> list[Path]:
    """Cut CSV files into days and drop one day every `seconds` into `folder`, oldest first; return their paths.

    A day of the source 2019-Oct.csv is named 2019-Oct-2019-10-01.csv. All days are written first, under hidden
    names, so rows may come in any order; a drop is a rename, so no reader sees half a file. A row that does not
    start with a date stays with the row before it (a quoted field may hold a line break). If there is none before,
    it goes into a file named undated, which is dropped last. Memory holds one row at a time. `wait` takes the
    seconds (0 only asks) and returns True to stop; days not yet dropped are then removed. Replaying again replaces
    files by equal ones.

    Raises ReplayError for two sources with the same name, or one that doesn't begin with the header line.
    """
    _check(sources)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    with _cut(sources, folder, wait) as days:
        for day in days:
            if paths and wait(seconds):
                break
            day.hidden.replace(day.path)
            paths.append(day.path)
            dropped(day.path)
    return paths


def _check(sources: Sequence[Path]) -> None:
    names = [source.stem for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ReplayError(f"two sources are called {name}: rename one, or their days would replace each other")
    for source in sources:
        with source.open("rb") as file:
            if not file.readline().removeprefix(BYTE_ORDER_MARK).startswith(HEADER):
                raise ReplayError(f"{source} does not begin with a header line event_time,...: add one")


@contextmanager
def _cut(sources: Sequence[Path], folder: Path, wait: Wait) -> Iterator[list[DayFile]]:
    """All days of all sources, oldest first, under their hidden names; none if a stop came while they were cut.

    What is still hidden at the end is removed.
    """
    days: set[DayFile] = set()
    try:
        complete = all(_cut_one(source, folder, days, wait) for source in sources)
        yield sorted(days) if complete else []
    finally:
        for day in days:
            day.hidden.unlink(missing_ok=True)


def _cut_one(source: Path, folder: Path, days: set[DayFile], wait: Wait) -> bool:
    """Add the days of one source; False if stopped before its end."""
    with source.open("rb") as file:
        header = file.readline()
        for day, rows in groupby(file, _DayOfRow()):
            if wait(0):
                return False
            _append(DayFile(day, source.stem, folder), header, rows, days)
    return True


def _append(day: DayFile, header: bytes, rows: Iterable[bytes], days: set[DayFile]) -> None:
    with day.hidden.open("ab" if day in days else "wb") as part:
        if day not in days:
            days.add(day)
            part.write(header)
        part.writelines(rows)


class _DayOfRow:
    """The day of each row in turn; a row without one has the day of the row before."""

    def __init__(self) -> None:
        self._start, self._day = b"", UNDATED

    def __call__(self, row: bytes) -> str:
        start = row[:11]
        if start != self._start:
            self._start, self._day = start, _day(start) or self._day
        return self._day


def _day(start: bytes) -> str | None:
    found = DAY.match(start)
    if not found:
        return None
    text = found[1].decode()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


class Duration(click.ParamType):
    """A time such as 60s, 2m or 500ms, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = DURATION.fullmatch(str(value))
        if not found or float(found[1]) == 0:
            self.fail(f"{value!r} is not a time above zero: write 60s, 2m, 1h or 500ms", param, ctx)
        return float(found[1]) * UNITS[found[2]]


@click.command(name="replay")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE.csv...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--every", type=Duration(), default="60s", show_default=True, metavar="TIME", help="Time between two days."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Divide that time by X.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder for the days.  [default: the input folder, $SALESINSIGHTS_HOME/input]",
)
def replay_command(files: tuple[Path, ...], every: float, speed: float, folder: Path | None) -> None:
    """Drop month files into the input folder, one day at a time.

    Each FILE.csv is cut into days. The oldest day is dropped at once, the next one after --every, and so on. Ctrl-C
    ends it between two days. Rows are passed on unchanged.

    \b
    salesinsights replay 2019-Oct.csv 2019-Nov.csv --every 10s
    """
    folder = folder or _input_folder()
    with stop_on_signals() as stop:
        paths = replay(files, folder, every / speed, stop.wait, lambda path: click.echo(path.name))
    click.echo(f"{len(paths)} {'day' if len(paths) == 1 else 'days'} dropped into {folder}")


def _input_folder() -> Path:
    settings = load_settings()
    make_home(settings.home)
    say_if_simulated(settings)
    return settings.input_folder
