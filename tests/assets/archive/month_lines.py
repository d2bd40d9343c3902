"""A month's file with some lines, and its load.

Add here: how tests write a month. Not here: what the load should give.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from assets.archive.month_files import find_month
from assets.archive.month_loader import MonthLoad, load_month
from resources.lake import Lake

OCTOBER, NOVEMBER = date(2019, 10, 1), date(2019, 11, 1)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"


PURCHASE = "2019-10-01 00:00:00 UTC,purchase,5773203,1487580005134238553,,runail,2.62,463240011,26dd6e6e"


def put(folder: Path, lines: Sequence[str | bytes], name: str = "2019-Oct.csv", header: str = HEADER) -> Path:
    whole = [line if isinstance(line, bytes) else line.encode() for line in (header, *lines)]
    (folder / name).write_bytes(b"\n".join(whole) + b"\n")
    return folder / name


def load(lake: Lake, folder: Path, month: date = OCTOBER) -> MonthLoad:
    return load_month(lake, find_month(folder, month), NOW, 45)
