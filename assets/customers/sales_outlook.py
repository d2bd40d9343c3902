"""Two tables: what the shop is expected to sell, and what was expected of past months beside what came.

Both follow once for each day with a purchase. The backtest repeats what would have been expected at the beginning of
each of the last months: models fitted to the purchases until then, and nothing from after it.
Add here: how the tables follow. Not here: how sums are found (`expected_sales`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from assets.customers.clv_model import MODEL, fit_models, newest_model
from assets.customers.customer_value import RULES
from assets.customers.expected_sales import KNOWN, TO_COME, WHOLE, expected_of
from assets.customers.histories import READ, histories_in
from assets.customers.lifetime_model import BY_MODEL, HISTORY, LifetimeModel
from assets.customers.options import ClvOptions
from assets.customers.past_value import past_value
from assets.customers.purchase_history import purchase_history
from assets.progress.source_fingerprints import REBUILDS, day_rows, fingerprint
from assets.tables import CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE, EXPECTED_SALES, SALES_BACKTEST
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

DONE = "computed_for"
"""The progress that holds a fingerprint of the day, the model and the settings that a table was computed for."""

ON, OPTIONS = "computed_on", "options"
"""The progress that holds the newest day with a purchase, as its ordinal, and a fingerprint of the settings."""

MONTHS = 12
"""How many of the last months are tested at most."""

LEAST_DAYS = 60
"""A month is tested only if there are at least as many days before it."""

_READ = (*HISTORY, "monetary_value", "revenue", "cohort", "segment", "as_of")
_FIGURES = tuple(f"{what}{end}" for what in ("purchases", "revenue") for end in ("", "_low", "_high"))


def expected_sales_is_behind(lake: Lake) -> bool:
    """Whether a new day, a fit or other rules of segments make gold/expected_sales due."""
    return _due_outlook(lake.table(EXPECTED_SALES), lake.table(CUSTOMER_VALUE)) is not None


def refresh_expected_sales(lake: Lake) -> bool:
    """Refresh gold/expected_sales from customer_value and its model, if it is due; whether it was. Idempotent."""

    def refresh() -> bool:
        table, value = lake.table(EXPECTED_SALES), lake.table(CUSTOMER_VALUE)
        due = _due_outlook(table, value)
        if due is None:
            return False
        buyers, known = value.read(columns=_READ), newest_model(lake.table(CLV_MODEL))
        rows = pl.concat(_expected(buyers, known.model, known.version))
        table.replace(rows, None, {DONE: due})
        return True

    return again_on_conflict(refresh)


def clear_outlook(lake: Lake) -> None:
    """Empty both tables. The next refresh computes all of them."""

    def clear() -> None:
        for layout in (EXPECTED_SALES, SALES_BACKTEST):
            lake.table(layout).replace(pl.DataFrame(schema=layout.schema), None, {DONE: 0, ON: 0})

    again_on_conflict(clear)


def _due_outlook(table: LakeTable, value: LakeTable) -> int | None:
    """A fingerprint of what the table should show; None if it does, or if there is no customer."""
    if not value.rows:
        return None
    due = fingerprint(f"{value.files()['max.as_of'].max()!r} {value.progress(MODEL)} {value.progress(RULES)}")
    return None if table.progress(DONE) == due else due


def _expected(buyers: pl.DataFrame, model: LifetimeModel, version: int | None) -> Iterator[pl.DataFrame]:
    for days in sorted({model.options.near_days, model.options.far_days}):
        rows = expected_of(buyers, model, days)
        if rows.is_empty():
            nothing = {"part": KNOWN, "name": KNOWN, "customers": float(buyers.height)}
            rows = pl.DataFrame([{**nothing, "prediction": f"none: {model.doubt}", **dict.fromkeys(_FIGURES)}])
        told = rows.with_columns(
            as_of=pl.lit(buyers.item(0, "as_of")),
            horizon_days=pl.lit(days),
            model_version=pl.lit(version),
            prediction=pl.col("prediction") if "prediction" in rows.columns else pl.lit(BY_MODEL),
        )
        yield _shaped(told, EXPECTED_SALES.schema)


def backtest_is_behind(lake: Lake, options: ClvOptions) -> bool:
    """Whether a day or a setting makes gold/sales_backtest due."""
    return _due_backtest(lake.table(SALES_BACKTEST), lake.table(CUSTOMER_DAYS), options) is not None


def has_month_to_test(sold: LakeTable) -> bool:
    """Whether the days with orders in customer_days span a month that can be tested."""
    return bool(_tested_months(_days_with_orders(sold)))


def refresh_backtest(lake: Lake, options: ClvOptions) -> bool:
    """Refresh gold/sales_backtest if it is due; whether it was. Idempotent.

    Purchases of past months that came later are taken in once a day.
    """

    def refresh() -> bool:
        table, sold = lake.table(SALES_BACKTEST), lake.table(CUSTOMER_DAYS)
        due = _due_backtest(table, sold, options)
        if due is None:
            return False
        days, months = sold.read(columns=READ), _tested_months(_days_with_orders(sold))
        rows = pl.concat(_tested(lake, sold, days, month, options) for month in months)
        table.replace(rows, None, due)
        return True

    return again_on_conflict(refresh)


def _due_backtest(table: LakeTable, sold: LakeTable, options: ClvOptions) -> dict[str, int] | None:
    """The progress of a commit that brings the table up to date; None if it is, or if no month can be tested."""
    held = _days_with_orders(sold)
    months = _tested_months(held)
    if not months:
        return None
    today = {ON: held[-1].toordinal(), OPTIONS: fingerprint(str(options))}
    over = {day: rows for day, rows in day_rows(sold).items() if day <= _end(months[-1])}
    due = fingerprint(f"{options} {months} {over} {sold.progress(REBUILDS) or 0}")
    is_done = table.progress(DONE) == due or all(table.progress(name) == number for name, number in today.items())
    return None if is_done else {DONE: due, **today}


def _days_with_orders(sold: LakeTable) -> list[date]:
    files = sold.files()
    found = (
        [] if files.is_empty() else files.filter(pl.col("max.orders") > 0)[CUSTOMER_DAYS.file_day].unique().to_list()
    )
    return sorted(found)


def _tested_months(days: list[date]) -> list[date]:
    """The last months that are over and have enough history before them, as their first days."""
    found = list[date]()
    month = days[-1].replace(day=1) if days else None
    while month is not None and len(found) < MONTHS:
        month = (month - timedelta(days=1)).replace(day=1)
        if (month - days[0]).days < LEAST_DAYS:
            break
        found.append(month)
    return found[::-1]


def _tested(lake: Lake, sold: LakeTable, days: pl.DataFrame, month: date, options: ClvOptions) -> pl.DataFrame:
    """The row of a month; its figures are null, and `prediction` says why, where the models could not tell."""
    before, length = month - timedelta(days=1), (_end(month) - month).days + 1
    history = purchase_history(lake, sold, before)
    known = days.filter(pl.col("event_date") <= before)
    model = fit_models(histories_in(history), known, options).fit.model
    buyers = past_value(history).with_columns(segment=pl.lit("all"))
    rows = expected_of(buyers, model, length)
    came = days.filter(pl.col("event_date").is_between(month, _end(month)))
    whole, theirs = (
        some["revenue"].sum() or Decimal(0) for some in (came, came.join(buyers, on="user_id", how="semi"))
    )
    facts = {
        "month": month,
        "prediction": f"none: {model.doubt}" if rows.is_empty() else BY_MODEL,
        "customers": buyers.height,
        "actual": whole,
        "actual_known": theirs,
        "actual_to_come": Decimal(whole) - Decimal(theirs),
        **_foretold(rows),
    }
    within = pl.col("actual").cast(pl.Float64).is_between(pl.col("expected_low"), pl.col("expected_high"))
    return _shaped(pl.DataFrame([facts]).with_columns(is_within=within), SALES_BACKTEST.schema)


def _foretold(rows: pl.DataFrame) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for part, name in ((WHOLE, "expected"), (KNOWN, "expected_known"), (TO_COME, "expected_to_come")):
        held = rows.filter(part=part) if rows.height else rows
        for end in ("", "_low", "_high"):
            found[f"{name}{end}"] = held.item(0, f"revenue{end}") if held.height else None
    return found


def _shaped(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of the schema. A float's last digits depend on the order in which it was summed; they are cut."""
    money = [pl.col(name).cast(pl.Float64).round(2) for name in rows.columns if schema.get(name) == pl.Decimal(18, 2)]
    numbers = [pl.col(name).cast(pl.Float64).round(6) for name in rows.columns if schema.get(name) == pl.Float64]
    return rows.with_columns(money + numbers).select(schema.names()).cast(schema)


def _end(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
