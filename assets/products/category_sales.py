"""Sales by category and brand, and their cost: as the catalogue had it at the sale, else as the purchase says.

It follows silver beside the path of the payment. All measures add up, so a day that has only grown takes in the
purchases of later batches. A day that was rebuilt, or of which the catalogue now says something else, is recomputed.
Add here: how the table follows. Not here: what held at a sale (`catalog_facts`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce

import polars as pl

from assets.products.catalog_facts import (
    FACTS_OF_SALES,
    changed_since,
    facts_over_time,
    no_facts,
    stale_days,
    with_facts,
)
from assets.progress.batches import batch_of
from assets.progress.kept_parts import forget_others, keep, kept
from assets.progress.source_fingerprints import (
    SourceFingerprints,
    day_rows,
    fingerprint,
    once_more,
    rebuilds_of,
    recent_slot_of,
)
from assets.tables import CATALOG, CATEGORY_SALES_DAILY, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, again_on_conflict
from resources.lake_table import LakeTable
from resources.table_files import rows_of

COMMITTED_DAYS = 7
"""How many recomputed days share a commit: a kill loses no more than these."""

PIECE_ROWS = 500_000
"""About how many purchases are held at once."""

RULE = "1"
"""Of the measures below. A release that changes one raises it, and all days are recomputed."""

_READ = ("event_time", "product_id", "category_id", "category_code", "brand", "price", "ingested_at", "event_date")
_KEPT = "category_sales"
_FACTS = "catalog/facts"
"""The progress that holds the fingerprint of what the catalogue says, as all days show it."""

_CELL = ("event_date", "product_id", "category", "brand")
_COUNTED, _MONEY = ("units", "revenue", "refunds"), ("known_cost_revenue", "cost")


@dataclass(frozen=True)
class _Facts:
    """What the catalogue says, and a fingerprint of it; `version` is the catalogue's."""

    rows: pl.DataFrame
    mark: int
    version: int


def sales_by_category(purchases: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table for these purchases, from rows of silver/events and `facts_over_time`."""
    known = with_facts(purchases, facts)
    category = pl.coalesce("catalog_category", "category_code", pl.col("category_id").cast(pl.String))
    sold, cost, price = pl.col("price") >= 0, pl.col("catalog_cost"), pl.col("price").cast(pl.Decimal(18, 2))
    cells = known.with_columns(
        category=category,
        brand=pl.coalesce("catalog_brand", "brand"),
        units=sold.cast(pl.Int64),
        revenue=price,
        refunds=pl.when(~sold).then(-price).otherwise(pl.lit(0, pl.Decimal(18, 2))),
        known_cost_revenue=pl.when(cost.is_not_null()).then(price),
        cost=pl.when(sold).then(cost).when(cost.is_not_null()).then(pl.lit(0, pl.Decimal(18, 2))),
        updated_at="ingested_at",
    )
    return added([cells])


def added(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per day, product, category and brand: sums over the parts, the newest time. A sum of nulls is null."""
    columns = [*_CELL, *_COUNTED, *_MONEY, "updated_at"]
    rows = pl.concat((part.select(columns).cast(_kinds(columns)) for part in parts), how="vertical")
    known = [pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in _MONEY]
    summed = rows.group_by(_CELL).agg(pl.col(_COUNTED).sum(), *known, pl.col("updated_at").max())
    number = pl.int_range(1, pl.len() + 1).over(["event_date", "product_id"])
    numbered = summed.sort(_CELL, nulls_last=True).with_columns(part=number)
    return numbered.select(CATEGORY_SALES_DAILY.schema.names()).cast(CATEGORY_SALES_DAILY.schema)


def category_sales_are_behind(lake: Lake) -> bool:
    """Whether a purchase is not in the table yet, or the catalogue now says something else of a sale."""
    table, purchases, catalog = (lake.table(layout) for layout in (CATEGORY_SALES_DAILY, SILVER_PURCHASES, CATALOG))
    if _followed(table, purchases).stale:
        return True
    return table.progress(CATALOG.name) != catalog.version and _mark(table) != _facts(catalog).mark


def refresh_category_sales(lake: Lake, days: Collection[date] = ()) -> list[date]:
    """Bring the table up to date, and recompute the given `days`; return the days that were written. Idempotent.

    A day that has only grown costs its new purchases. A kill leaves each day as it was or as it is to be.
    """
    return again_on_conflict(lambda: _refresh(lake, days))


def _refresh(lake: Lake, days: Collection[date]) -> list[date]:
    facts = _facts(lake.table(CATALOG))
    restated = {*days, *_restated(lake, facts)}
    stale = _followed(lake.table(CATEGORY_SALES_DAILY), lake.table(SILVER_PURCHASES)).stale
    wanted = sorted({*restated, *stale})
    keep(lake, _KEPT, facts.mark, facts.rows)
    for start in range(0, len(wanted), COMMITTED_DAYS):
        _bring(lake, facts, wanted[start : start + COMMITTED_DAYS], restated)
    _note(lake, facts)
    forget_others(lake, _KEPT, facts.mark)
    return wanted


def _bring(lake: Lake, facts: _Facts, days: Iterable[date], restated: Collection[date]) -> None:
    """The table is loaded first: otherwise this could replace what another run computed from newer rows."""
    table = _table_of(lake, facts)
    purchases, silver = lake.table(SILVER_PURCHASES), lake.table(SILVER_EVENTS)
    followed, until = _followed(table, purchases), batch_of(purchases)
    rows, done, progress = list[pl.DataFrame](), list[date](), dict[str, int]()
    for day in days:
        if day in restated or day in followed.stale:
            grown = None if day in restated else _grown(table, purchases, silver, day, until, facts)
            rows.append(_whole(silver, day, until, facts) if grown is None else grown)
            done.append(day)
            progress |= _seen(purchases, day, until)
    if done:
        where = CATEGORY_SALES_DAILY.on_days(done)
        table.replace(pl.concat(rows), where, {**followed.shown(done), **progress, **once_more(table)})


def _table_of(lake: Lake, facts: _Facts) -> LakeTable:
    """Raises ConcurrentCommitError if the catalogue moved meanwhile: another run may have seen the newer one."""
    table = lake.table(CATEGORY_SALES_DAILY)
    if lake.table(CATALOG).version != facts.version:
        raise ConcurrentCommitError("the catalogue was changed while sales were computed by it: run it again")
    return table


def _whole(silver: LakeTable, day: date, until: int, facts: _Facts) -> pl.DataFrame:
    pieces = silver.stream(f"{_bought(day)} AND batch <= {until}", PIECE_ROWS, _READ)
    nothing = pl.DataFrame(schema=CATEGORY_SALES_DAILY.schema)
    return reduce(lambda held, piece: added([held, sales_by_category(piece, facts.rows)]), pieces, nothing)


def _grown(
    table: LakeTable, purchases: LakeTable, silver: LakeTable, day: date, until: int, facts: _Facts
) -> pl.DataFrame | None:
    """The day's rows with the purchases of later batches; None if the day has not only grown."""
    slot = recent_slot_of(day)
    before, rows = table.progress(f"seen/{slot}"), table.progress(f"rows/{slot}")
    if table.progress(f"base/{slot}") != _base(purchases, day) or before is None or rows is None:
        return None
    new = silver.read(f"{_bought(day)} AND batch > {before} AND batch <= {until}", _READ)
    if rows + new.height != day_rows(purchases).get(day, (0, None))[0]:
        return None
    return added([table.read(CATEGORY_SALES_DAILY.on_days([day])), sales_by_category(new, facts.rows)])


def _seen(purchases: LakeTable, day: date, until: int) -> dict[str, int]:
    """The progress of a commit after which the day shows the purchases up to a batch."""
    slot, (rows, _) = recent_slot_of(day), day_rows(purchases).get(day, (0, None))
    return {f"base/{slot}": _base(purchases, day), f"seen/{slot}": until, f"rows/{slot}": rows}


def _base(purchases: LakeTable, day: date) -> int:
    return fingerprint(f"{day} {rebuilds_of(purchases, day)} {RULE}")


def _restated(lake: Lake, facts: _Facts) -> list[date]:
    """The days with a sale of which the catalogue says something else than when they were computed."""
    table = lake.table(CATEGORY_SALES_DAILY)
    mark = _mark(table)
    if mark == facts.mark or not table.days:
        return []
    before = no_facts() if mark == _facts_mark(no_facts()) else kept(lake, _KEPT, mark)
    if before is None:
        # Somebody cleared the scratch folder.
        return table.days
    changed = changed_since(before, facts.rows)
    days = [day for day in table.days if changed.height and day >= changed["since"].min()]  # type: ignore[operator]
    held = rows_of(table, "product_id", changed["product_id"], days, ["product_id", "event_date"]) if days else None
    return [] if held is None else stale_days(held, changed)


def _note(lake: Lake, facts: _Facts) -> None:
    """All days show these facts."""
    table = _table_of(lake, facts)
    if _mark(table) != facts.mark or table.progress(CATALOG.name) not in (None, facts.version):
        progress = {_FACTS: facts.mark, CATALOG.name: facts.version}
        table.append(pl.DataFrame(schema=CATEGORY_SALES_DAILY.schema), progress)


def _facts(catalog: LakeTable) -> _Facts:
    rows = facts_over_time(catalog.read(columns=["product_id", *FACTS_OF_SALES, "valid_from", "valid_to"]))
    return _Facts(rows, _facts_mark(rows), catalog.version)


def _facts_mark(facts: pl.DataFrame) -> int:
    return fingerprint(facts.write_csv())


def _mark(table: LakeTable) -> int:
    """The fingerprint of the facts that the table shows: before the first catalogue, that of no facts."""
    held = table.progress(_FACTS)
    return _facts_mark(no_facts()) if held is None else held


def _followed(table: LakeTable, purchases: LakeTable) -> SourceFingerprints:
    return SourceFingerprints(table, purchases, RULE)


def _bought(day: date) -> str:
    return f"event_type = 'purchase' AND {SILVER_EVENTS.on_days([day])}"


def _kinds(columns: Iterable[str]) -> pl.Schema:
    return pl.Schema({name: CATEGORY_SALES_DAILY.schema[name] for name in columns})
