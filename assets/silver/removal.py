"""Takes messages and lines of a user out of bronze and quarantine, and recounts the ledger of batches.

Add here: what must fall together with a row of bronze. Not here: which rows those are (`upkeep.user_search`), or the
ledger of months (`month_counts`).
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from assets.bronze.forgotten_users import without_key
from assets.progress.added_columns import added_fields
from assets.progress.batches import BATCH, batch_of
from assets.progress.untold_days import untold
from assets.silver.day_pieces import pieces_of
from assets.silver.duplicates import CONFLICT
from assets.silver.silver import PLACE, near
from assets.tables import (
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

_COUNTED = ("accepted", "quarantined", "messages")


def release_refused(lake: Lake, rows: pl.DataFrame) -> None:
    """Delete these rows (by PLACE) from quarantine, where it holds them."""
    if rows.height:
        again_on_conflict(lambda: _release(lake.table(SILVER_QUARANTINE), rows))


def _release(table: LakeTable, rows: pl.DataFrame) -> None:
    held = table.read(near(rows), [*PLACE, "arrival_date"]).join(rows, on=PLACE, how="semi")
    for day in sorted(set(held["arrival_date"])):
        where = SILVER_QUARANTINE.on_days([day])
        table.replace(table.read(where).join(rows, on=PLACE, how="anti"), where, untold(table, [day]))


def settled_conflicts(lake: Lake, days: Collection[date]) -> pl.DataFrame:
    """Refused rows of these days of bronze whose event_id is theirs now: its first message was removed. PLACE, `batch`.

    A rebuild of the days has made an event or a duplicate of each; it takes nothing out of quarantine.
    """
    return again_on_conflict(lambda: _settled(lake, days))


def _settled(lake: Lake, days: Collection[date]) -> pl.DataFrame:
    conflicts = lake.table(SILVER_QUARANTINE).read(f"reason = '{CONFLICT}'", PLACE)
    none = BRONZE_EVENTS.schema.to_frame().select(*PLACE, "batch")
    if conflicts.is_empty():
        return none
    silver, bronze = lake.table(SILVER_EVENTS), lake.table(BRONZE_EVENTS)
    with pieces_of(bronze, sorted(days), batch_of(silver), added_fields(silver)) as pieces:
        found = (piece.select(*PLACE, "batch") for piece in pieces.judged())
        return pl.concat([none, *(rows.join(conflicts, on=PLACE, how="semi") for rows in found)])


def remove_messages(lake: Lake, found: pl.DataFrame, day: date) -> None:
    """Delete these rows (PLACE, `is_event`) of a day of bronze.

    Where `is_event` is False, it is somebody else's event under the user's key: only the key goes.
    """
    where = f"{BRONZE_EVENTS.on_days([day])} AND ({near(found)})"
    theirs, keyed = (found.filter(pl.col("is_event") == is_event) for is_event in (True, False))

    def remove() -> None:
        bronze = lake.table(BRONZE_EVENTS)
        kept = bronze.read(where).join(theirs, on=PLACE, how="anti").with_row_index("_row")
        rows = kept.join(keyed, on=PLACE, how="semi")["_row"]
        bronze.replace(kept.with_columns(without_key(rows)).drop("_row"), where, untold(bronze, [day]))

    again_on_conflict(remove)


def restate_batches(lake: Lake, batches: Collection[int]) -> None:
    """Recount the ledger of these batches: a removed message becomes an offset without a message.

    A batch that is not in silver yet is left to the run that brings it there.
    """
    if batches:
        again_on_conflict(lambda: _restate(lake, f"batch IN ({', '.join(map(str, batches))})"))


def _restate(lake: Lake, listed: str) -> None:
    table = lake.table(SILVER_BATCHES)
    where = f"{listed} AND batch <= {batch_of(lake.table(SILVER_EVENTS))}"
    ledger = table.read(where)
    for name, places in counted_places(lake, where).items():
        counted = places.group_by("batch", "partition").agg(pl.len().cast(pl.Int64).alias(name))
        ledger = ledger.drop(name).join(counted, on=["batch", "partition"], how="left")
    restated = ledger.with_columns(pl.col(*_COUNTED).fill_null(0)).with_columns(
        duplicates=pl.col("messages") - pl.col("accepted") - pl.col("quarantined"),
        markers=pl.col("end_offset") - pl.col("start_offset") - pl.col("messages") - pl.col("lost").fill_null(0),
    )
    table.replace(restated, where, {BATCH: batch_of(table)})


def counted_places(lake: Lake, where: str) -> dict[str, pl.DataFrame]:
    """The places of the messages, and of each outcome.

    What a repair could save in silver alone is a message too. What a replay has brought to silver, and not taken out of
    quarantine yet, is accepted.
    """
    # Whatever a replay has taken out of the first is then seen in the second.
    tables = (SILVER_QUARANTINE, SILVER_EVENTS, BRONZE_EVENTS)
    refused, accepted, messages = (lake.table(layout).read(where, [*PLACE, "batch"]) for layout in tables)
    return {
        "accepted": accepted,
        "quarantined": refused.join(accepted, on=PLACE, how="anti"),
        "messages": pl.concat([messages, accepted, refused]).unique(),
    }
