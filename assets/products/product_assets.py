"""The assets about products: they follow the purchases every five minutes, or once an hour.

Add here: what Dagster is told about them. Not here: how they follow (the module of each table), or when (`sensors`).
"""

import dagster as dg

from assets.products.bought_together import refresh_bought_together
from assets.products.category_sales import refresh_category_sales
from assets.products.product_outlook import refresh_product_outlook
from assets.products.repurchases import refresh_repurchases
from assets.runs.process_priority import yield_to_stream
from assets.tables import BOUGHT_TOGETHER, CATEGORY_SALES_DAILY, PRODUCT_OUTLOOK, REPURCHASES
from assets.tables.asset_specs import spec_of
from resources.lake import Lake


@dg.multi_asset(name="category_sales_daily", specs=[spec_of(CATEGORY_SALES_DAILY)])
def category_sales_daily(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Add new purchases to the sales by category and brand; recompute days that were rebuilt or renamed."""
    yield_to_stream(context)
    days = refresh_category_sales(lake)
    rows = lake.table(CATEGORY_SALES_DAILY).rows
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "days": len(days)})


@dg.multi_asset(name="product_outlook", specs=[spec_of(PRODUCT_OUTLOOK)])
def product_outlook(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute which products of the catalogue are not sold, and which run out."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_product_outlook(lake)})


@dg.multi_asset(name="bought_together", specs=[spec_of(BOUGHT_TOGETHER)])
def bought_together(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute which products are bought together."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_bought_together(lake)})


@dg.multi_asset(name="repurchases", specs=[spec_of(REPURCHASES)])
def repurchases(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute how soon products are bought again."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_repurchases(lake)})
