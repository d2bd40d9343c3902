"""What a customer was worth on an earlier day.

Add here: a question about the past of one customer. Not here: how days are recorded (`customer_value`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from assets.customers.clv_model import fit_models
from assets.customers.customer_value import scored
from assets.customers.histories import READ, histories_in
from assets.customers.options import ClvOptions
from assets.customers.past_value import past_value
from assets.customers.purchase_history import purchase_history
from assets.customers.segment_rules import SegmentRules, built_in
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE
from resources.foreseen_error import ForeseenError
from resources.lake import Lake

Basis = Literal["current", "computed"]


class BeforeAllPurchasesError(ForeseenError):
    """Nobody had bought anything by the end of the day that was asked for."""


@dataclass(frozen=True)
class Worth:
    """A customer's row (None for one who had not bought yet), and the newest day with purchases that it includes.

    `basis`: `current`, from customer_value; or `computed` now from the purchases up to that day, as the lake holds them
    now, with models fitted to them alone.
    """

    row: Mapping[str, Any] | None
    as_of: date | None
    basis: Basis


def worth_on(
    lake: Lake, user_id: int, day: date | None, options: ClvOptions, rules: SegmentRules | None = None
) -> Worth:
    """What a customer was worth at the end of a day (UTC), or is now (None).

    Days without purchases change nothing: the answer is that of the last day on which anybody bought. Answers of
    several days agree: each purchase counts from its day on, also one that came to light later.
    Raises BeforeAllPurchasesError for a day before the first purchase.
    """
    table = lake.table(CUSTOMER_VALUE)
    newest: date | None = table.files()["max.as_of"].max() if table.rows else None  # type: ignore[assignment]
    if day is None or (newest is not None and day >= newest):
        return Worth(_row(table.read(f"user_id = {user_id}"), user_id), newest, "current")
    sold = lake.table(CUSTOMER_DAYS)
    history = purchase_history(lake, sold, day)
    past = past_value(history)
    if past.is_empty():
        raise BeforeAllPurchasesError(_nothing_before(day, sold.files().select(pl.col(CUSTOMER_DAYS.file_day).min())))
    read = sold.read(f"{CUSTOMER_DAYS.partition_by[0]} <= DATE '{day}'", READ)
    model = fit_models(histories_in(history), read, options).fit.model
    return Worth(_row(scored(past, model, None, rules or built_in()), user_id), past.item(0, "as_of"), "computed")


def _nothing_before(day: date, first: pl.DataFrame) -> str:
    since = f"the first is of {first.item()}" if first.height and first.item() else "the lake holds no purchase"
    return f"nobody had bought anything by the end of {day}: {since}. Load earlier months (salesinsights backfill)"


def _row(rows: pl.DataFrame, user_id: int) -> dict[str, Any] | None:
    found = rows.filter(user_id=user_id)
    return found.row(0, named=True) if found.height else None
