"""Rows that are read from the lake while they are written to it, on a machine with one core."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

REPLACE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from datetime import date
import polars as pl
from assets.tables import USER_DAYS
from resources.lake import Lake
from resources.prefetch import prefetched

def rows():
    for _ in range(3):
        table.progress("batch")
        yield table.read()

table = Lake(sys.argv[1]).table(USER_DAYS)
day = {name: date(2019, 10, 1) if name == "event_date" else None for name in USER_DAYS.schema}
table.append(pl.DataFrame([day], schema=USER_DAYS.schema), {"batch": 1})
table.replace(prefetched(rows()), USER_DAYS.on_days([day["event_date"]]), {"batch": 2})
print(table.read().height)
"""


def test_the_writer_does_not_wait_for_ever(tmp_path: Path) -> None:
    command = [sys.executable, "-c", REPLACE, str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name != "TOKIO_WORKER_THREADS"}

    done = subprocess.run(command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=480)

    assert done.stdout == "3\n"
