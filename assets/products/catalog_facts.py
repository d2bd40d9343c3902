"""What the catalogue said of a product at a moment, and of which products it says something else than before.

Add here: how the catalogue's history is asked. Not here: how it comes about (`catalog`).
"""

from datetime import date

import polars as pl

from assets.tables import CATALOG

FACTS_OF_SALES = ("category", "brand", "cost")
"""What a sale is given of its product. A changed name or stock changes no sale."""

_SHAPE = pl.Schema({name: CATALOG.schema[name] for name in ("product_id", "valid_from", *FACTS_OF_SALES)})


def facts_over_time(catalog: pl.DataFrame) -> pl.DataFrame:
    """From rows of the catalogue: `product_id`, `valid_from` and FACTS_OF_SALES, a row for each time they changed.

    A row without facts says that the product is gone, from then on. Sorted by product and time.
    """
    gaps = catalog.drop_nulls("valid_to").select("product_id", valid_from="valid_to")
    gaps = gaps.join(catalog, on=["product_id", "valid_from"], how="anti")
    nothing = [pl.lit(None, _SHAPE[name]).alias(name) for name in FACTS_OF_SALES]
    points = pl.concat([catalog.select(_SHAPE.names()), gaps.with_columns(nothing).select(_SHAPE.names())])
    facts = pl.struct(FACTS_OF_SALES)
    before = facts.shift(1).over("product_id", order_by="valid_from")
    none = pl.all_horizontal(pl.col(FACTS_OF_SALES).is_null())
    is_first = pl.col("valid_from") == pl.col("valid_from").min().over("product_id")
    says_more = pl.when(is_first).then(~none).otherwise(facts.ne_missing(before))
    return points.filter(says_more).sort("product_id", "valid_from")


def with_facts(sales: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Rows with `product_id` and `event_time`, and beside them what held then, as `catalog_category` and so on."""
    named = facts.rename({name: f"catalog_{name}" for name in FACTS_OF_SALES}).sort("valid_from")
    joined = sales.sort("event_time").join_asof(
        named, left_on="event_time", right_on="valid_from", by="product_id", check_sortedness=False
    )
    return joined.drop("valid_from", strict=False)


def changed_since(before: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`product_id` and `since`, the first UTC day whose sales may have other facts now; only of products with one."""
    names = list(_SHAPE)
    moved = [
        some.join(other, on=names, how="anti", nulls_equal=True).select("product_id", "valid_from")
        for some, other in ((before, facts), (facts, before))
    ]
    return pl.concat(moved).group_by("product_id").agg(since=pl.col("valid_from").min().dt.date())


def no_facts() -> pl.DataFrame:
    """What is known without a catalogue."""
    return pl.DataFrame(schema=_SHAPE)


def stale_days(held: pl.DataFrame, changed: pl.DataFrame) -> list[date]:
    """Of rows with `product_id` and `event_date`: the days with a sale whose facts have changed, sorted."""
    late = held.join(changed, on="product_id").filter(pl.col("event_date") >= pl.col("since"))
    return sorted(set(late["event_date"]))
