"""The nightly proof that a rebuild gives what was streamed: closed days are rebuilt from bronze and compared by row.

Add here: what a rebuild is compared with. Not here: a rebuild that changes a table (`silver.silver`, `gold`).
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from assets.gold.measures import measured
from assets.progress.added_columns import added_fields, comparable
from assets.progress.batches import batch_of
from assets.silver.day_pieces import READ_ROWS, ROWS_AT_ONCE, pieces_of
from assets.silver.purchases import purchases_in
from assets.silver.silver import PLACE
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Tables
from resources.scratch import scratch_folder
from resources.sorted_runs import KEY, SortedRuns

DIFFERENCES = pl.Schema({"table": pl.String(), "event_date": pl.Date(), "held_by": pl.String(), "row": pl.String()})
"""A row that only one side has: `held_by` is `table` or `rebuild`, `row` is its columns as JSON."""

MOST_DAYS = 31


def recently_changed(tables: Tables, now: datetime, hours: int = 26) -> list[date]:
    """The closed days of silver with a file written in the last `hours`; of these the newest MOST_DAYS."""
    files = tables.table(SILVER_EVENTS).files()
    if files.is_empty():
        return []
    since = (now - timedelta(hours=hours)).timestamp() * 1_000
    written = files.filter(pl.col("modification_time") >= since)["partition.event_date"]
    return sorted({day for day in written if day < now.date()})[-MOST_DAYS:]


def differences(tables: Tables, day: date, window_seconds: int) -> pl.DataFrame:
    """Compare silver, its purchases and daily gold of a day with a rebuild from bronze; return what one side lacks.

    Rows of DIFFERENCES; none is the proof. It rebuilds up to the batch that silver covers, so it may run beside the
    stream. `tables` must be opened gold first, then silver, then bronze. Silver is compared by pieces of time; of the
    whole day only the purchases are in memory at once. A row that is older than a column is compared without it.
    """
    bought: list[pl.DataFrame] = []
    silver = [*_in_silver(tables, day, bought)]
    gold = _behind_silver(tables, day, window_seconds, pl.concat(bought))
    return pl.concat([DIFFERENCES.to_frame(), *silver, *gold])


def _in_silver(tables: Tables, day: date, bought: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The differences in silver, piece by piece; the purchases of the rebuild are added to `bought`."""
    silver, names = tables.table(SILVER_EVENTS), SILVER_EVENTS.schema.names()
    bought.append(purchases_in(SILVER_EVENTS.schema.to_frame()))
    with scratch_folder("salesinsights-proof") as folder:
        both = SortedRuns(folder, "both", ROWS_AT_ONCE)
        for rows in silver.stream(SILVER_EVENTS.on_days([day]), READ_ROWS):
            both.add(_side(rows, is_due=False))
        with pieces_of(tables.table(BRONZE_EVENTS), [day], batch_of(silver), added_fields(silver)) as pieces:
            for judged in pieces.judged():
                due = judged.filter(outcome="accepted").select(names)
                bought.append(purchases_in(due))
                both.add(_side(due, is_due=True))
        for piece in both.pieces():
            told = comparable(piece, silver, "ingested_at")
            held, due = (told.filter(_is_due=is_due).select(names) for is_due in (False, True))
            yield _either(SILVER_EVENTS.name, day, held, due, PLACE)


def _side(rows: pl.DataFrame, *, is_due: bool) -> pl.DataFrame:
    return rows.with_columns(pl.col("event_time").dt.epoch("s").alias(KEY), _is_due=pl.lit(is_due))


def _behind_silver(tables: Tables, day: date, window_seconds: int, bought: pl.DataFrame) -> Iterator[pl.DataFrame]:
    covered = batch_of(tables.table(SILVER_EVENTS))
    due = {SILVER_PURCHASES.name: bought, **measured(bought, DAILY, window_seconds)}
    for layout in (SILVER_PURCHASES, *DAILY):
        table = tables.table(layout)
        # A table that is a batch behind silver can't be compared; the next night compares it.
        if batch_of(table) == covered:
            made_at = "ingested_at" if layout is SILVER_PURCHASES else "updated_at"
            sides = table.read(layout.on_days([day])), due[layout.name]
            held, rebuilt = (comparable(rows, table, made_at) for rows in sides)
            yield _either(layout.name, day, held, rebuilt)


def _either(name: str, day: date, held: pl.DataFrame, due: pl.DataFrame, order: Sequence[str] = ()) -> pl.DataFrame:
    """The rows that only one side has, or has more often; `order` names columns that tell most rows apart."""
    keys = held.columns
    if held.sort(order or keys).equals(due.sort(order or keys)):
        return DIFFERENCES.to_frame()
    held, due = (rows.with_columns(_copy=pl.int_range(pl.len()).over(keys)) for rows in (held, due))
    sides = {"table": (held, due), "rebuild": (due, held)}
    return pl.concat(
        mine.join(other, on=[*keys, "_copy"], how="anti", nulls_equal=True).select(
            table=pl.lit(name), event_date=pl.lit(day), held_by=pl.lit(side), row=pl.struct(keys).struct.json_encode()
        )
        for side, (mine, other) in sides.items()
    )
