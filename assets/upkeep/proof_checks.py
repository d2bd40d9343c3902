"""The proof as an asset of its own, with a check per table: a difference fails the check and shows the rows.

Checks of the tables themselves would be part of every run that the UI launches for a table: the UI selects an asset
together with all of its checks.
Add here: how a proof is shown. Not here: what is compared (`proof`).
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES
from assets.tables.asset_specs import OWNERS, key_of
from assets.upkeep.proof import DIFFERENCES, differences, recently_changed
from resources.lake import Lake, OpenTables
from resources.lake_table import TableLayout

PROVED = (SILVER_EVENTS, SILVER_PURCHASES, *DAILY)
SHOWN = 20

REBUILD_PROOF = dg.AssetSpec(
    ["upkeep", "rebuild_proof"],
    deps=[key_of(layout) for layout in PROVED],
    description="Rebuilds the closed days that changed lately from bronze, in memory, and compares them with silver "
    "and gold row by row. Changes no row.",
    group_name="upkeep",
    owners=OWNERS,
    kinds={"python"},
    skippable=True,
)


def proof_check(layout: TableLayout) -> dg.AssetCheckKey:
    """The check that proves a table."""
    return dg.AssetCheckKey(REBUILD_PROOF.key, f"{layout.name.replace('/', '_')}_equals_rebuild")


@dg.multi_asset(
    name="rebuild_and_compare",
    specs=[REBUILD_PROOF],
    check_specs=[
        dg.AssetCheckSpec(
            proof_check(layout).name,
            asset=REBUILD_PROOF.key,
            description=f"The closed days of {layout.name} that changed lately hold the rows that a rebuild gives.",
        )
        for layout in PROVED
    ],
    can_subset=True,
)
def proof(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], stream: dg.ResourceParam[Stream]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Rebuild each day that changed lately in memory, and compare its rows."""
    tables = OpenTables(lake, (*reversed(PROVED), BRONZE_EVENTS))
    days = recently_changed(tables, stream.clock())
    found = pl.concat([DIFFERENCES.to_frame(), *(_prove(context, tables, stream, day) for day in days)])
    for layout in PROVED:
        if proof_check(layout) in context.selected_asset_check_keys:
            yield _verdict(layout, len(days), found.filter(pl.col("table") == layout.name))
    if REBUILD_PROOF.key in context.selected_asset_keys:
        proved = ", ".join(day.isoformat() for day in days) or "none changed lately"
        yield dg.MaterializeResult(REBUILD_PROOF.key, metadata={"days": proved, "differences": found.height})


def _prove(context: dg.AssetExecutionContext, tables: OpenTables, stream: Stream, day: date) -> pl.DataFrame:
    found = differences(tables, day, stream.window_seconds)
    context.log.info(f"{day}: {found.height} differences")
    return found


def _verdict(layout: TableLayout, days: int, wrong: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=wrong.is_empty(),
        check_name=proof_check(layout).name,
        asset_key=REBUILD_PROOF.key,
        metadata={"days": days, "differences": wrong.height, **_rows(wrong)},
    )


def _rows(wrong: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    if wrong.is_empty():
        return {}
    shown = wrong.head(SHOWN).select("held_by", pl.col("event_date").cast(pl.String), "row")
    return {"rows": dg.MetadataValue.table([dg.TableRecord(row) for row in shown.iter_rows(named=True)])}
