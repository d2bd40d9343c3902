"""Where the days in Dagster's UI begin: with the month of the oldest event, so that no empty years fill the calendar.

Found once, when Dagster starts, and passed on to all of its processes: a run with other days than the web server would
refuse days that the UI offers.
Add here: what decides where the calendar begins. Not here: the days (`assets.tables.asset_specs`).
"""

from collections.abc import Iterator
from datetime import date

from assets.archive.month_files import SUFFIXES, file_stem
from assets.progress.changed_days import rows_per_day
from assets.tables import BRONZE_EVENTS
from assets.tables.asset_specs import MONTHS
from resources.lake import Lake
from resources.lake_errors import LakeError
from salesinsights_dagster.settings import Settings

FIRST_DAY = "SALESINSIGHTS_FIRST_DAY"


def calendar_start(settings: Settings, empty_from: date | None = None) -> date:
    """The first day of the oldest month with events in the lake or the archive folder, never before the setting.

    If there are no events yet, `empty_from`, given by who knows what will come; else, or if the lake can't be read, the
    setting.
    """
    try:
        oldest = min((*rows_per_day(Lake(settings.lake).table(BRONZE_EVENTS)), *_archived(settings)), default=None)
    except LakeError:
        return settings.first_day
    begun = oldest.replace(day=1) if oldest else empty_from
    return max(begun, settings.first_day) if begun else settings.first_day


def _archived(settings: Settings) -> Iterator[date]:
    folder = settings.archive_folder
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    months = map(date.fromisoformat, MONTHS.get_partition_keys())
    return (month for month in months if not names.isdisjoint(f"{file_stem(month)}{end}" for end in SUFFIXES))
