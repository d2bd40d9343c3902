"""The ledger of the archive's months, recounted after rows of theirs were removed, won back or became duplicates.

Add here: what that ledger says of lines after their load. Not here: the load (`archive.month_loader`).
"""

from collections.abc import Iterable
from datetime import date

import polars as pl

from assets.silver.removal import counted_places
from assets.silver.silver import PLACE
from assets.tables import ARCHIVE, BRONZE_ARCHIVE_MONTHS
from resources.lake import Lake
from resources.lake_errors import again_on_conflict


def recount_months(lake: Lake, months: Iterable[int], released: pl.DataFrame | None = None) -> None:
    """Recount what became of the lines of these months, such as 201910, from bronze, silver and quarantine.

    `released` are rows, by source, partition and offset, that are about to leave quarantine. A month that is being
    loaded is left to its load. Idempotent.
    """
    for month in months:
        again_on_conflict(lambda: _recount(lake, month, released))  # noqa: B023


def _recount(lake: Lake, month: int, released: pl.DataFrame | None) -> None:
    table, mine = lake.table(BRONZE_ARCHIVE_MONTHS), BRONZE_ARCHIVE_MONTHS.on_days([date(month // 100, month % 100, 1)])
    row = table.read(mine).filter(pl.col("sha256") != "")
    if row.height:
        counts = {name: pl.lit(count) for name, count in _counts(lake, month, released).items()}
        table.replace(row.with_columns(**counts), mine, {})


def _counts(lake: Lake, month: int, released: pl.DataFrame | None) -> dict[str, int]:
    places = counted_places(lake, f"source = '{ARCHIVE}' AND partition = {month}")
    lines, kept, refused = (places[name] for name in ("messages", "accepted", "quarantined"))
    if released is not None:
        refused = refused.join(released, on=PLACE, how="anti")
    counts = {"lines": lines.height, "accepted": kept.height, "quarantined": refused.height}
    return {**counts, "duplicates": lines.height - kept.height - refused.height}
