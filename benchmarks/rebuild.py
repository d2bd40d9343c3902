"""One big day: its load from a month's file, its rebuild from bronze and the nightly proof, each in its own process.

The rows are generated directly, not by the simulated shop: as lines of a file, and as rows of bronze.
Add here: figures about a day too large for memory. Not here: months beside a live shop (`backfill`).
"""

import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from assets.archive.month_files import MonthFile, file_stem
from assets.archive.month_loader import load_month
from assets.events.contract import EVENT
from assets.gold.gold import rebuild_gold
from assets.silver.silver import rebuild_silver
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES
from assets.upkeep.proof import differences
from benchmarks.alone import alone, peak_mb
from resources.lake import Lake, OpenTables

DAY = date(2019, 11, 29)
MONTH = DAY.replace(day=1)
AT_ONCE = 500_000
WINDOW_SECONDS = 45
BATCH_ROWS = 1_000_000

COLUMNS = tuple(EVENT)
KINDS = {"view": 0.5, "cart": 0.29, "remove_from_cart": 0.15, "purchase": 0.06}


def run(rows: int) -> list[dict[str, object]]:
    """A line for each piece of work on a day of `rows` rows."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        alone(_fill_bronze, folder, rows)
        lines = [
            {"work": "rebuild of silver from messages", **alone(_rebuild, folder)},
            {"work": "rebuild of gold", **alone(_rebuild_gold, folder)},
            {"work": "proof", **alone(_prove, folder)},
        ]
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        alone(_write_file, folder, rows)
        return [{"work": "load from a month's file", **alone(_load, folder)}, *lines]


def _events(rows: int, named: bool) -> Iterator[pl.DataFrame]:
    """The day's events by time, as text; one of fifty repeats the one before it, one of four has an event_id."""
    chance = np.random.default_rng(1)
    for start in range(0, rows, AT_ONCE):
        number = np.arange(start, min(start + AT_ONCE, rows))
        number -= number % 50 == 49
        mixed = number * 2_654_435_761 % 2**32
        frame = pl.DataFrame({"number": number, "mixed": mixed, "price": mixed % 9_000 / 100 - 5})
        kinds = pl.Series(chance.choice(list(KINDS), len(number), p=list(KINDS.values())))
        seconds = pl.from_epoch(pl.lit(_midnight()) + pl.col("number") * 86_400 // rows)
        fields = frame.with_columns(
            event_time=seconds.dt.strftime("%Y-%m-%d %H:%M:%S UTC"),
            event_type=kinds.gather(np.maximum(number - start, 0)),
            product_id=5_600_000 + pl.col("mixed") % 54_571,
            category_id=1_487_580_004_000_000_000 + pl.col("mixed") % 525,
            category_code=pl.lit(None, pl.String),
            brand=pl.when(pl.col("mixed") % 10 < 6).then(pl.format("brand{}", pl.col("mixed") % 270)),
            price=pl.col("price").round(2),
            user_id=400_000_000 + pl.col("mixed") % 1_639_358,
            user_session=pl.format("{}-8d2c-4dac-92e1-{}", "mixed", pl.col("number").cast(pl.String).str.zfill(12)),
        )
        event_id = pl.when(pl.col("number") % 4 == 0).then(pl.format("event-{}", "number"))
        yield fields.select(*COLUMNS, *([event_id.alias("event_id")] if named else []))


def _midnight() -> int:
    return int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp())


def _fill_bronze(folder: str, rows: int) -> dict[str, object]:
    """Write the day to bronze as JSON messages of one partition, one batch per BATCH_ROWS."""
    bronze, offset = Lake(folder).table(BRONZE_EVENTS), 0
    stamp = pl.lit(datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)).cast(BRONZE_EVENTS.schema["ingested_at"])
    last = (rows - 1) // BATCH_ROWS + 1
    for events in _events(rows, named=True):
        value = events.select(pl.struct(pl.all()).struct.json_encode()).to_series().cast(pl.Binary)
        messages = pl.DataFrame({"value": value}).with_row_index("offset", offset)
        frame = messages.with_columns(
            source=pl.lit("shop.events"),
            partition=0,
            key=events["user_id"].cast(pl.String).cast(pl.Binary),
            kafka_timestamp=stamp,
            ingested_at=stamp,
            batch=offset // BATCH_ROWS + 1,
            event_date=pl.lit(DAY),
        )
        bronze.append(frame, {"batch": last})
        offset += events.height
    for layout in (SILVER_EVENTS, *DAILY):
        Lake(folder).table(layout).append(pl.DataFrame(schema=layout.schema), {"batch": last})
    return {}


def _write_file(folder: str, rows: int) -> dict[str, object]:
    with (Path(folder) / f"{file_stem(MONTH)}.csv").open("wb") as file:
        for number, events in enumerate(_events(rows, named=False)):
            events.write_csv(file, include_header=number == 0)
    return {}


def _load(folder: str) -> dict[str, object]:
    file = MonthFile(Path(folder) / f"{file_stem(MONTH)}.csv", MONTH)
    return _measured(lambda: load_month(Lake(folder), file, datetime.now(UTC), WINDOW_SECONDS).counts["accepted"])


def _rebuild(folder: str) -> dict[str, object]:
    counts = _measured(lambda: dict(rebuild_silver(Lake(folder), [DAY]).select("outcome", "rows").iter_rows()))
    return {**counts, "found": json.dumps(counts["found"])}


def _rebuild_gold(folder: str) -> dict[str, object]:
    lake = Lake(folder)
    progress = {"batch": lake.table(SILVER_EVENTS).progress("batch") or 0}
    return _measured(lambda: rebuild_gold(lake, DAILY, [DAY], WINDOW_SECONDS, progress))


def _prove(folder: str) -> dict[str, object]:
    tables = OpenTables(Lake(folder), (*DAILY, SILVER_PURCHASES, SILVER_EVENTS, BRONZE_EVENTS))
    found = _measured(lambda: differences(tables, DAY, WINDOW_SECONDS).height)
    if found["found"]:
        raise RuntimeError(f"{found['found']} rows differ: the tables do not match a rebuild from bronze")
    return found


def _measured(work: Callable[[], object]) -> dict[str, object]:
    """What the work found, its seconds, and the peak memory of this process."""
    begun, cpu = time.perf_counter(), _cpu_seconds()
    found = work()
    return {
        "found": found,
        "wall s": round(time.perf_counter() - begun, 1),
        "CPU s": round(_cpu_seconds() - cpu, 1),
        "peak MB": peak_mb(),
    }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
