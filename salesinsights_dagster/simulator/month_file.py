"""A simulated month as a CSV file in the format of the published data set.

Add here: what is particular to the file (its name, its text forms).
Not here: the events themselves (`shop`), the progress bar (`commands`).
"""

from collections.abc import Callable
from pathlib import Path

from salesinsights_dagster.simulator.shop import Shop

MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"


def month_file_name(year: int, month: int) -> str:
    """The data set's own name for a month, such as 2019-Nov.csv."""
    return f"{year}-{MONTH_NAMES[month - 1]}.csv"


def write_month(
    shop: Shop, year: int, month: int, events: int, out: Path, progress: Callable[[int], object] = lambda rows: None
) -> Path:
    """Write `events` events of a month into the folder `out` and return the file's path.

    Times are whole seconds ("2019-11-01 00:00:02 UTC"), an empty field is null, prices always have two decimals
    ("5.40", where the published files drop the last zero). `progress` is told the rows written so far, day by day.
    Writing again replaces the file; the same seed, month and number of events give the same bytes. The file appears
    under its name only when complete.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / month_file_name(year, month)
    unfinished = out / f".{path.name}.unfinished"
    try:
        _write_days(shop, year, month, events, unfinished, progress)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _write_days(shop: Shop, year: int, month: int, events: int, path: Path, progress: Callable[[int], object]) -> None:
    rows = 0
    with path.open("wb") as file:
        for day in shop.month(year, month, events):
            day.write_csv(file, include_header=rows == 0, datetime_format=TIME_FORMAT)
            rows += len(day)
            progress(rows)
