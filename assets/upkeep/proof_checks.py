"""The proof as an asset of its own, with a check per table: a difference fails the check and shows the rows.

Checks of the tables themselves would be part of every run that the UI launches for a table: the UI selects an asset
together with all of its checks.
Add here: how a proof is shown. Not here: what is compared (`proof`), or which days are due (`proven_days`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import dagster as dg
import polars as pl

from assets.progress.changed_days import rows_per_day
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS
from assets.tables.asset_specs import OWNERS, key_of
from assets.upkeep.proof import DIFFERENCES, SHOWN, compare, compare_apart, keep
from assets.upkeep.proven_days import PROVED, ProofState, due_days, open_compared, proof_state
from resources.engine import worth
from resources.lake import Lake
from resources.table_layout import TableLayout

REBUILD_PROOF = dg.AssetSpec(
    ["upkeep", "rebuild_proof"],
    deps=[key_of(layout) for layout in PROVED],
    description="Rebuilds closed days that are new or have changed from bronze, in memory, and compares them with "
    "silver and gold row by row, oldest first. Changes no row of them; keeps in `upkeep/proofs` what is proven.",
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
            description=f"The closed days of {layout.name} hold the rows that a rebuild gave when they last changed.",
        )
        for layout in PROVED
    ],
    can_subset=True,
)
def proof(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], stream: dg.ResourceParam[Stream]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Rebuild each day that is due in memory, and compare its rows."""
    shown, counts, days = DIFFERENCES.to_frame(), Counter[str](), 0
    for compared in _comparisons(lake, stream):
        day = compared["event_date"][0]
        if not keep(lake, compared, stream.clock()):
            context.log.info(f"{day}: changed meanwhile, so it is compared another time")
            continue
        found = compared.drop_nulls("table")
        differing = dict(found.select("table", "differences").unique().iter_rows())
        context.log.info(f"{day}: {sum(differing.values())} differences")
        shown, days = pl.concat([shown, found.select(shown.columns)]), days + 1
        counts.update(differing)
    state = proof_state(open_compared(lake), stream.clock())
    progress = {"days": days, **_progress(state)}
    for layout in PROVED:
        if proof_check(layout) in context.selected_asset_check_keys:
            figures = {**progress, "differences": counts[layout.name]}
            yield _verdict(layout, state, shown.filter(pl.col("table") == layout.name), figures)
    if REBUILD_PROOF.key in context.selected_asset_keys:
        yield dg.MaterializeResult(REBUILD_PROOF.key, metadata={**progress, "differences": counts.total()})


def _comparisons(lake: Lake, stream: Stream) -> Iterable[pl.DataFrame]:
    """What became of each day that is due: compared here, one by one; many rows as tasks of an engine, a task a day."""
    tables = open_compared(lake)
    due, rows = list(due_days(tables, stream.clock())), rows_per_day(tables.table(BRONZE_EVENTS))
    if engine := worth(stream.engine, sum(rows.get(day, 0) for day in due)):
        return engine.run(partial(compare_apart, lake.root, stream.window_seconds), due)
    return (compare(lake, stream.window_seconds, [day]) for day in due)


def _progress(state: ProofState) -> dict[str, int | str]:
    """How much is proven, for people: the metadata of a check and of the asset."""
    oldest = {"oldest_unproven_day": state.oldest.isoformat()} if state.oldest else {}
    return {"closed_days": state.closed, "unproven_days": len(state.unproven), **oldest}


def _verdict(
    layout: TableLayout, state: ProofState, wrong: pl.DataFrame, figures: Mapping[str, int | str]
) -> dg.AssetCheckResult:
    differing = [day.isoformat() for day, names in state.differing.items() if layout.name in names]
    named = {"differing_days": ", ".join(differing)} if differing else {}
    return dg.AssetCheckResult(
        passed=not differing,
        check_name=proof_check(layout).name,
        asset_key=REBUILD_PROOF.key,
        metadata={**figures, **named, **_rows(wrong)},
    )


def _rows(wrong: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    if wrong.is_empty():
        return {}
    shown = wrong.head(SHOWN).select("held_by", pl.col("event_date").cast(pl.String), "row")
    return {"rows": dg.MetadataValue.table([dg.TableRecord(row) for row in shown.iter_rows(named=True)])}
