"""Takes messages and lines of a user out of bronze and quarantine, and recounts the ledger of batches.

Add here: what must fall together with a row of bronze. Not here: which rows those are (`upkeep.user_search`), or the
ledger of months (`month_counts`).
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from assets.bronze.forgotten_users import without_key
from assets.progress.batches import BATCH, batch_of
from assets.progress.untold_days import untold
from assets.silver.silver import PLACE, near
from assets.tables import (
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from resources.lake import Lake
from resources.lake_table import again_on_conflict

_COUNTED = {"accepted": SILVER_EVENTS, "quarantined": SILVER_QUARANTINE}


def release_refused(lake: Lake, refused: pl.DataFrame, day: date) -> None:
    """Delete these rows (by PLACE) from a day of quarantine."""
    where = SILVER_QUARANTINE.on_days([day])

    def release() -> None:
        table = lake.table(SILVER_QUARANTINE)
        table.replace(table.read(where).join(refused, on=PLACE, how="anti"), where, untold(table, [day]))

    again_on_conflict(release)


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
    """Recount the ledger of these batches: a removed message becomes an offset without a message."""
    if not batches:
        return
    where = f"batch IN ({', '.join(map(str, batches))})"
    ledger = lake.table(SILVER_BATCHES).read(where)
    for name, places in counted_places(lake, where).items():
        counted = places.group_by("batch", "partition").agg(pl.len().cast(pl.Int64).alias(name))
        ledger = ledger.drop(name).join(counted, on=["batch", "partition"], how="left")
    restated = ledger.with_columns(pl.col(*_COUNTED, "messages").fill_null(0)).with_columns(
        duplicates=pl.col("messages") - pl.col("accepted") - pl.col("quarantined"),
        markers=pl.col("end_offset") - pl.col("start_offset") - pl.col("messages") - pl.col("lost").fill_null(0),
    )
    last = batch_of(lake.table(SILVER_BATCHES))
    again_on_conflict(lambda: lake.table(SILVER_BATCHES).replace(restated, where, {BATCH: last}))


def counted_places(lake: Lake, where: str) -> dict[str, pl.DataFrame]:
    """The places of the messages, and of each outcome. What a repair could save in silver alone is a message too."""
    columns = [*PLACE, "batch"]
    outcomes = {name: lake.table(layout).read(where, columns) for name, layout in _COUNTED.items()}
    return {
        **outcomes,
        "messages": pl.concat([lake.table(BRONZE_EVENTS).read(where, columns), *outcomes.values()]).unique(),
    }
