"""The nightly proof that a rebuild gives what was streamed: closed days are rebuilt from bronze and compared by row.

Add here: what a rebuild is compared with. Not here: a rebuild that changes a table (`silver.silver`, `gold`).
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import polars as pl

from assets.gold.measures import measured
from assets.progress.added_columns import added_fields, comparable
from assets.progress.batches import batch_of
from assets.silver.day_pieces import READ_ROWS, ROWS_AT_ONCE, pieces_of
from assets.silver.purchases import purchases_in
from assets.silver.silver import PLACE
from assets.tables import BRONZE_EVENTS, DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from assets.upkeep.proven_days import PROVED, Moving, fingerprints, open_compared, remember
from resources.drafts import lake_at
from resources.lake import Lake, Tables
from resources.scratch import scratch_folder
from resources.sorted_runs import KEY, SortedRuns

DIFFERENCES = pl.Schema({"table": pl.String(), "event_date": pl.Date(), "held_by": pl.String(), "row": pl.String()})
"""A row that only one side has: `held_by` is `table` or `rebuild`, `row` is its columns as JSON."""

_DAY = 86_400

UNREADABLE = "unreadable"
"""`held_by` of a day that could not be compared; `row` is the error."""


COMPARED = pl.Schema({**DIFFERENCES, "differences": pl.Int64(), "fingerprint": pl.Int64()})
"""How a comparison came out: the first SHOWN differences of each table, with how many it has; a day without any has one
row without a table. `fingerprint` is of the files that were compared."""

SHOWN = 20


def prove(lake: Lake, day: date, window_seconds: int, now: datetime) -> pl.DataFrame | None:
    """Compare a day, remember how it came out, and return rows of DIFFERENCES.

    None, and nothing is remembered, if the day changed meanwhile, or is half rebuilt or half loaded.
    """
    before, found = _looked_at(lake, day, window_seconds)
    return found if _kept(lake, day, before, found, now) else None


def compare(lake: Lake, window_seconds: int, days: Sequence[date]) -> pl.DataFrame:
    """Compare these days and return rows of COMPARED; `keep` remembers them."""
    return pl.concat([COMPARED.to_frame(), *(_summed_up(lake, day, window_seconds) for day in days)])


def compare_apart(root: str, window_seconds: int, days: Sequence[date]) -> pl.DataFrame:
    """As `compare`: what a task does. Raises LakeError if this machine does not see the lake."""
    return compare(lake_at(root, BRONZE_EVENTS), window_seconds, days)


def keep(lake: Lake, compared: pl.DataFrame, now: datetime) -> bool:
    """Remember how the comparison of one day came out, as COMPARED. False, and nothing is remembered, as `prove`."""
    (day,), (before,) = compared["event_date"].unique(), compared["fingerprint"].unique()
    return _kept(lake, day, before, compared.drop_nulls("table"), now)


def _summed_up(lake: Lake, day: date, window_seconds: int) -> pl.DataFrame:
    before, found = _looked_at(lake, day, window_seconds)
    if found.is_empty():
        found = pl.DataFrame([{"event_date": day}], DIFFERENCES)
    counted = found.with_columns(differences=pl.col("row").count().over("table"), fingerprint=pl.lit(before))
    first = counted.group_by("table", maintain_order=True).head(SHOWN)
    return first.select(COMPARED.names()).cast(COMPARED)


def _looked_at(lake: Lake, day: date, window_seconds: int) -> tuple[int, pl.DataFrame]:
    """The fingerprint of a day's files, and its DIFFERENCES."""
    tables = open_compared(lake)
    return fingerprints(tables, [day]).get(day, 0), _compared(tables, day, window_seconds)


def _kept(lake: Lake, day: date, before: int, found: pl.DataFrame, now: datetime) -> bool:
    after = open_compared(lake)
    if day in Moving.of(after) or fingerprints(after, [day]) != {day: before}:
        return False
    remember(lake, day, before, found["table"].unique().sort().to_list(), now)
    return True


def _compared(tables: Tables, day: date, window_seconds: int) -> pl.DataFrame:
    """The differences of a day. If it can't be read, that is a difference of each table: other days must not wait."""
    try:
        return differences(tables, day, window_seconds)
    # Delta Lake raises a plain Exception where a data file is broken or gone.
    except Exception as error:  # noqa: BLE001
        told = {"event_date": day, "held_by": UNREADABLE, "row": f"{type(error).__name__}: {error}"[:1_000]}
        return pl.DataFrame([{"table": layout.name, **told} for layout in PROVED], schema=DIFFERENCES)


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
    for layout in (SILVER_PURCHASES, *DAILY):
        table = tables.table(layout)
        held = table.read(layout.on_days([day]))
        # A table may be some batches behind silver.
        due = bought.filter(pl.col("batch") <= batch_of(table))
        if layout is PRODUCT_SALES:
            window_seconds = _window_of(held) or window_seconds
        if layout in DAILY:
            due = measured(due, [layout], window_seconds)[layout.name]
        made_at = "ingested_at" if layout is SILVER_PURCHASES else "updated_at"
        yield _either(layout.name, day, comparable(held, table, made_at), comparable(due, table, made_at))


def _window_of(sales: pl.DataFrame) -> int | None:
    """The length of a day's windows in seconds: a day keeps its own until it is rebuilt with another setting.

    None if they differ, or are no windows.
    """
    lengths = (sales["window_end"] - sales["window_start"]).dt.total_seconds().unique().to_list()
    return lengths[0] if len(lengths) == 1 and lengths[0] > 0 and _DAY % lengths[0] == 0 else None


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
