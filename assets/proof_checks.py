"""The proof as asset checks, on silver and on each daily gold table: a difference fails the check and shows the rows.

Add here: how a proof is shown. Not here: what is compared (`proof`).
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from assets.catalog import key_of
from assets.lakehouse import Stream
from assets.proof import DIFFERENCES, differences, recently_changed
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS
from resources.lake import Lake, OpenTables

PROVED = (SILVER_EVENTS, *DAILY)
EQUALS_REBUILD = "equals_rebuild"
SHOWN = 20


@dg.multi_asset_check(
    name="rebuild_and_compare",
    specs=[
        dg.AssetCheckSpec(
            EQUALS_REBUILD,
            asset=key_of(layout),
            description="The closed days that changed lately hold, row for row, what bronze amounts to.",
        )
        for layout in PROVED
    ],
)
def proof(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], shop: dg.ResourceParam[Stream]
) -> Iterator[dg.AssetCheckResult]:
    """Rebuild each day in memory, and compare."""
    tables = OpenTables(lake, (*DAILY, SILVER_EVENTS, BRONZE_EVENTS))
    days = recently_changed(tables, shop.clock())
    found = pl.concat([DIFFERENCES.to_frame(), *(_prove(context, tables, shop, day) for day in days)])
    for layout in PROVED:
        wrong = found.filter(pl.col("table") == layout.name)
        yield dg.AssetCheckResult(
            passed=wrong.is_empty(),
            check_name=EQUALS_REBUILD,
            asset_key=key_of(layout),
            metadata={"days": len(days), "differences": wrong.height, **_rows(wrong)},
        )


def _prove(context: dg.AssetCheckExecutionContext, tables: OpenTables, shop: Stream, day: date) -> pl.DataFrame:
    found = differences(tables, day, shop.window_seconds)
    context.log.info(f"{day}: {found.height} differences")
    return found


def _rows(wrong: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    if wrong.is_empty():
        return {}
    shown = wrong.head(SHOWN).select("held_by", pl.col("event_date").cast(pl.String), "row")
    return {"rows": dg.MetadataValue.table([dg.TableRecord(row) for row in shown.iter_rows(named=True)])}
