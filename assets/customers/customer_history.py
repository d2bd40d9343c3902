"""What a customer was thought to be worth on an earlier day.

Add here: a question about the past of one customer. Not here: how days are recorded (`customer_value`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from assets.customers.customer_value import scored
from assets.customers.lifetime_model import fit_lifetime
from assets.customers.options import ClvOptions
from assets.customers.past_value import past_value
from assets.customers.purchase_history import purchase_history
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS
from resources.lake import Lake
from resources.lake_table import LakeTable

Basis = Literal["current", "recorded", "computed"]


@dataclass(frozen=True)
class Worth:
    """A customer's row (None for one who had not bought yet), and the newest day with purchases that it includes.

    `basis`: `current`, from customer_value; `recorded` at the end of that day; or, if nothing was recorded then,
    `computed` now from the purchases up to that day, with a model fitted to them alone.
    """

    row: Mapping[str, Any] | None
    as_of: date | None
    basis: Basis


def worth_on(lake: Lake, user_id: int, day: date | None, options: ClvOptions) -> Worth:
    """What a customer was worth at the end of a day (UTC), or is now (None).

    Days without purchases change nothing: the answer is that of the last day on which anybody bought.
    """
    table = lake.table(CUSTOMER_VALUE)
    newest: date | None = table.files()["max.as_of"].max() if table.rows else None  # type: ignore[assignment]
    if day is None or (newest is not None and day >= newest):
        return Worth(_row(table.read(f"user_id = {user_id}"), user_id), newest, "current")
    bought = [one for one in _days_with_orders(lake.table(CUSTOMER_DAYS)) if one <= day]
    if not bought:
        return Worth(None, None, "computed")
    as_of = max(bought)
    recorded = lake.table(CUSTOMER_VALUE_DAYS).read(CUSTOMER_VALUE_DAYS.on_days([as_of]))
    if recorded.height:
        return Worth(_row(recorded, user_id), as_of, "recorded")
    past = past_value(purchase_history(lake, lake.table(CUSTOMER_DAYS), as_of))
    return Worth(_row(scored(past, fit_lifetime(past, options).model, None), user_id), as_of, "computed")


def _days_with_orders(days: LakeTable) -> list[date]:
    """The days on which somebody bought, and not only returned."""
    files = days.files()
    return [] if files.is_empty() else files.filter(pl.col("max.orders") > 0)[CUSTOMER_DAYS.file_day].unique().to_list()


def _row(rows: pl.DataFrame, user_id: int) -> dict[str, Any] | None:
    found = rows.filter(user_id=user_id)
    return found.row(0, named=True) if found.height else None
