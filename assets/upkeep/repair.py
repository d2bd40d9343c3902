"""What a power cut can do to the lake, found and repaired: commits without content, broken checkpoints, orphan files.

Commits are not forced to the disk, so a table may lose its last one. Kafka still has the messages, and bronze the rows:
the tables are taken back to the last batch that all of them hold, and the stream processes the rest again.
Add here: a loss that can be undone. Not here: proof that nothing is missing (`audit`).
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from assets.bronze.bronze import earlier_batch
from assets.customers.customer_value import refresh_customer_value
from assets.gold.gold import rebuild_gold
from assets.progress.added_columns import added_fields
from assets.progress.batches import BATCH, batch_of
from assets.progress.source_fingerprints import rebuilt_again
from assets.progress.untold_days import untold
from assets.silver.silver import advance_silver, rebuild_silver
from assets.stream.micro_batch import open_stream
from assets.tables import (
    BRONZE_EVENTS,
    DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    TABLES,
)
from assets.upkeep.lake_files import READER_HOURS
from assets.upkeep.lost_files import restore_files
from assets.upkeep.lost_messages import Finding, OpenReader
from resources.foreseen_error import ForeseenError
from resources.held_folders import alone, held
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.table_log import LogFault, log_faults


class LakeInUseError(ForeseenError):
    """Another process works on what only one may touch; the message names it and the remedy."""


def find_faults(lake: Lake) -> dict[str, list[LogFault]]:
    """The faults of each table's log; an object store has none, since it writes a file whole or not at all."""
    if not lake.is_local:
        return {}
    folders = {name: Path(lake.uri(layout)) / "_delta_log" for name, layout in TABLES.items()}
    return {name: faults for name, folder in folders.items() if (faults := log_faults(folder))}


def repair(lake: Lake, window_seconds: int, open_reader: OpenReader) -> Iterator[Finding]:
    """Repair the lake, and yield each thing that was wrong.

    Idempotent. A last batch that no table after silver holds is left to the next pass of the stream. `open_reader` is
    asked only if messages have to be read from Kafka again, or for the topic of a batch without any. May run beside
    other commands; raises LakeInUseError if one of them writes to a table whose log is broken, FencedOffError if a user
    is forgotten while messages are read again, VersionGoneError if bronze's log has lost the batch that silver lacks.
    """
    for name in find_faults(lake):
        for fault in _mended(Path(lake.uri(TABLES[name])), name):
            yield Finding(name, fault.kind, f"{fault.path.name} removed")
    yield from restore_files(lake, window_seconds, open_reader)
    yield from _take_back(lake, window_seconds)
    yield from _bring_back(lake, open_reader)
    yield from _refuse_again(lake)
    for name, layout in TABLES.items():
        deleted = again_on_conflict(lambda: lake.table(layout).vacuum(READER_HOURS))  # noqa: B023
        if deleted:
            yield Finding(name, "unneeded_files", f"{len(deleted)} files deleted")


def _mended(folder: Path, name: str) -> list[LogFault]:
    """Remove the faults of a table's log while nobody writes to it."""
    with held(folder) as place, alone(place) as is_alone:
        if not is_alone:
            raise LakeInUseError(
                f"another process is writing to {name}, and its log is broken: stop Dagster and every other command, "
                "then run salesinsights repair again"
            )
        faults = log_faults(folder / "_delta_log")
        for fault in faults:
            fault.mend()
    return faults


def _take_back(lake: Lake, window_seconds: int) -> Iterator[Finding]:
    """If bronze or the ledger lost a batch that later tables hold, take these back to the last batch of both."""
    # What a batch reaches first is loaded last: beside a stream no table then looks ahead of those before it.
    covered = {layout.name: batch_of(lake.table(layout)) for layout in DAILY}
    loaded = (SILVER_PURCHASES, SILVER_EVENTS, SILVER_BATCHES, SILVER_QUARANTINE)
    tables = {layout.name: lake.table(layout) for layout in loaded}
    in_bronze = batch_of(lake.table(BRONZE_EVENTS))
    last = min(in_bronze, batch_of(tables[SILVER_BATCHES.name]))
    # A batch in quarantine alone is unfinished: whoever finishes it writes these rows again.
    ahead = [
        table
        for layout in reversed(loaded)
        if batch_of(table := tables[layout.name]) > (in_bronze if layout is SILVER_QUARANTINE else last)
    ]
    gold = [layout for layout in DAILY if covered[layout.name] > last]
    days = sorted(set[date]().union(*(_days_after(tables[layout.name], last) for layout in _DATED)))
    for table in ahead:
        rebuilt = {**rebuilt_again(table, days), **untold(table, days)} if table.layout is SILVER_EVENTS else {}
        table.replace(pl.DataFrame(schema=table.layout.schema), f"batch > {last}", {BATCH: last, **rebuilt})
        yield Finding(table.layout.name.replace("/", "_"), "ahead", f"taken back to batch {last}")
    for layout in gold:
        # If nothing is left that says which days changed, all of them are rebuilt.
        touched = days or lake.table(layout).days
        rebuild_gold(lake, [layout], touched, window_seconds, {BATCH: last})
        yield Finding(layout.name.removeprefix("gold/"), "ahead", f"recomputed for {len(touched)} days")
    if gold:
        refresh_customer_value(lake)


def _bring_back(lake: Lake, open_reader: OpenReader) -> Iterator[Finding]:
    """Bring batches that silver lost to it again: those that later tables hold, and those before bronze's last one.

    A pass of the stream finishes bronze's last batch alone, and a rebuild takes later tables to silver's batch. Beside
    a stream silver is never behind a later table, nor by more than one batch behind bronze.
    """
    later = max(batch_of(lake.table(layout)) for layout in (*DAILY, SILVER_PURCHASES))
    tables = open_stream(lake)
    last = max(later, batch_of(tables.table(BRONZE_EVENTS)) - 1)
    for number in range(batch_of(tables.table(SILVER_EVENTS)) + 1, last + 1):
        added = added_fields(tables.table(SILVER_EVENTS))
        advance_silver(tables, earlier_batch(lake, number, lambda: open_reader().topic, added))
        yield Finding(SILVER_EVENTS.sql_name, "behind", f"batch {number} refined again from bronze")


_DATED = (SILVER_EVENTS, SILVER_PURCHASES)


def _days_after(table: LakeTable, last: int) -> list[date]:
    return table.read(f"batch > {last}", ["event_date"])["event_date"].to_list()


def _refuse_again(lake: Lake) -> Iterator[Finding]:
    """If quarantine lost a commit, refuse again, from bronze, the rows that the ledger counts."""
    ledger = lake.table(SILVER_BATCHES).read(columns=["batch", "quarantined"])
    due = ledger.group_by("batch").agg(pl.col("quarantined").sum())
    held = lake.table(SILVER_QUARANTINE).read("batch > 0", ["batch"]).group_by("batch").agg(held=pl.len())
    short = due.join(held, on="batch", how="left").filter(pl.col("quarantined") > pl.col("held").fill_null(0))["batch"]
    if short.is_empty():
        return
    listed = ", ".join(map(str, short.sort()))
    days: list[date] = sorted(set(lake.table(BRONZE_EVENTS).read(f"batch IN ({listed})", ["event_date"])["event_date"]))
    rebuild_silver(lake, days)
    yield Finding("silver_quarantine", "behind", f"rows of batches {listed} refused again")
