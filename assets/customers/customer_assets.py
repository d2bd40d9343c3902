"""The customer assets: the model of lifetime value, every buyer's value, and its days, on their own schedule.

One step makes all of them, since the value depends on the model and most runs fit no model.
Add here: what Dagster is told about them. Not here: the measures, the models, or when they run (`sensors`).
"""

import inspect
from collections.abc import Iterator

import dagster as dg

from assets.customers.clv_checks import CHECKS
from assets.customers.clv_model import MODEL, newest_model, refit
from assets.customers.clv_pictures import draw_backtest, draw_holdout
from assets.customers.customer_value import Refreshed, refresh_customer_value
from assets.customers.options import ClvOptions
from assets.customers.sales_outlook import refresh_backtest, refresh_expected_sales
from assets.customers.segment_months import refresh_segments
from assets.customers.segment_rules import SegmentRules
from assets.runs.charts import inline
from assets.runs.clock import Clock
from assets.runs.launched_by_hand import is_by_hand
from assets.runs.process_priority import yield_to_stream
from assets.tables import (
    CLV_HOLDOUT,
    CLV_MODEL,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    EXPECTED_SALES,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTS,
)
from assets.tables.asset_specs import key_of, spec_of
from resources.lake import Lake

CUSTOMER_ASSETS = (CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS)
MODELS = {key_of(CLV_MODEL), key_of(CLV_HOLDOUT)}
VALUES = {key_of(CUSTOMER_VALUE), key_of(CUSTOMER_VALUE_DAYS)}


@dg.multi_asset(
    name="customer_value",
    specs=[spec_of(layout) for layout in CUSTOMER_ASSETS],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key_of(layout), description=inspect.getdoc(function))
        for name, (layout, function) in CHECKS.items()
    ],
    can_subset=True,
)
def customer_value(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    clv_options: dg.ResourceParam[ClvOptions],
    segment_rules: dg.ResourceParam[SegmentRules],
) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult | dg.AssetCheckEvaluation]:
    """Fit the models if that is due, and refresh every buyer's value.

    If only the models were selected, or somebody launched them by hand, they are fitted even if that is not due.
    """
    yield_to_stream(context)
    models = context.selected_asset_keys & MODELS
    asked = bool(models) and (is_by_hand(context) or context.selected_asset_keys <= MODELS)
    version = refit(lake, clv_options, clock.now(), is_asked=asked)
    if version is not None:
        yield from _fitted(lake, version)
    if context.selected_asset_keys & VALUES:
        yield from _valued(context, lake, refresh_customer_value(lake, segment_rules))
    yield from _checked(context, lake)


def _valued(
    context: dg.AssetExecutionContext, lake: Lake, done: Refreshed
) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
    """Report the values; also their days, if one was recorded or somebody selected them by hand."""
    is_asked = key_of(CUSTOMER_VALUE) in context.selected_asset_keys
    if done.recorded or (key_of(CUSTOMER_VALUE_DAYS) in context.selected_asset_keys and is_by_hand(context)):
        rows = dg.MetadataValue.int(lake.table(CUSTOMER_VALUE_DAYS).rows)
        recorded = dg.MetadataValue.text(done.recorded.isoformat() if done.recorded else "no new day")
        metadata = {"dagster/row_count": rows, "recorded": recorded}
        yield dg.AssetMaterialization(key_of(CUSTOMER_VALUE_DAYS), metadata=metadata)
    figures = {"dagster/row_count": done.buyers, "predicted_again": done.predicted}
    if is_asked:
        yield dg.MaterializeResult(key_of(CUSTOMER_VALUE), metadata=figures)
    else:
        yield dg.AssetMaterialization(key_of(CUSTOMER_VALUE), metadata=figures)


def _checked(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.AssetCheckEvaluation]:
    for check in context.selected_asset_check_keys:
        layout, function = CHECKS[check.name]
        verdict = function(lake)
        severity = dg.AssetCheckSeverity.WARN if verdict.is_warning else dg.AssetCheckSeverity.ERROR
        yield dg.AssetCheckEvaluation(
            asset_key=key_of(layout),
            check_name=check.name,
            passed=verdict.passed,
            severity=severity,
            metadata=verdict.figures,
        )


def _fitted(lake: Lake, version: int) -> Iterator[dg.AssetMaterialization]:
    """Report a fit: its row as metadata, and the holdout report as a picture."""
    row = newest_model(lake.table(CLV_MODEL)).row
    told = {name: value if isinstance(value, int | float) else str(value) for name, value in row.items()}
    yield dg.AssetMaterialization(key_of(CLV_MODEL), metadata={k: v for k, v in told.items() if row[k] is not None})
    report = lake.table(CLV_HOLDOUT).read(f"{MODEL} = {version}")
    picture = {} if report.is_empty() else {"holdout": dg.MetadataValue.md(inline(draw_holdout(report), "holdout"))}
    yield dg.AssetMaterialization(key_of(CLV_HOLDOUT), metadata={"dagster/row_count": report.height, **picture})


@dg.multi_asset(name="segments", specs=[spec_of(SEGMENTS), spec_of(SEGMENT_MOVES)], can_subset=True)
def segments(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], segment_rules: dg.ResourceParam[SegmentRules]
) -> Iterator[dg.MaterializeResult]:
    """Count the segments by month, and who moved from one to another: both at once, whichever was selected."""
    yield_to_stream(context)
    refresh_segments(lake, segment_rules)
    for layout in (SEGMENTS, SEGMENT_MOVES):
        if key_of(layout) not in context.selected_asset_keys:
            continue
        yield dg.MaterializeResult(key_of(layout), metadata={"dagster/row_count": lake.table(layout).rows})


@dg.multi_asset(
    name="sales_outlook", specs=[spec_of(layout) for layout in (EXPECTED_SALES, SALES_BACKTEST)], can_subset=True
)
def sales_outlook(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clv_options: dg.ResourceParam[ClvOptions]
) -> Iterator[dg.MaterializeResult]:
    """Say what the shop is expected to sell, and compare past months with what was expected of them."""
    yield_to_stream(context)
    if key_of(EXPECTED_SALES) in context.selected_asset_keys:
        refresh_expected_sales(lake)
        yield dg.MaterializeResult(
            key_of(EXPECTED_SALES), metadata={"dagster/row_count": lake.table(EXPECTED_SALES).rows}
        )
    if key_of(SALES_BACKTEST) in context.selected_asset_keys:
        refresh_backtest(lake, clv_options)
        rows = lake.table(SALES_BACKTEST).read()
        told = rows.filter(rows["is_within"].is_not_null())
        picture = {"backtest": dg.MetadataValue.md(inline(draw_backtest(rows), "backtest"))} if told.height else {}
        held = {"months": told.height, "within the interval": int(told["is_within"].sum())}
        yield dg.MaterializeResult(
            key_of(SALES_BACKTEST), metadata={"dagster/row_count": rows.height, **held, **picture}
        )
