"""One customer: what they are worth, what was said of them a month before, and what they did.

Add here: a figure about one customer. Not here: figures about all of them (`customers`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from assets.progress.source_fingerprints import day_rows, has_changed, is_not_computed
from assets.tables import (
    ABANDONED_CARTS,
    CLV_MODEL,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    SESSIONS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
)
from resources.lake import Lake
from resources.lake_table import LakeTable

SPAN_DAYS = 90
"""Revenue and orders of so many days are shown beside those of as many days before."""

AGO_DAYS = 30
"""What was said of the customer so long ago, or earlier, stands beside what is said now."""

SESSION_ROWS = 20_000_000
"""So many sessions of the shop are looked through at most: those of its newest days."""

ORDER_DAYS = 100
"""So many days with a purchase are looked up at most: the customer's newest ones."""

FOUND = 20

TIMELINE = pl.Schema(
    {"at": pl.Datetime("us", "UTC"), "kind": pl.String(), "what": pl.String(), "value": pl.Decimal(18, 2)}
)

ORDER, RETURN, SESSION, CART = "order", "return", "session", "left in the cart"
KINDS = (ORDER, RETURN, CART, SESSION)

_FACTS = ("segment", "revenue", "predicted_value", "near_predicted_value", "probability_alive", "is_active", "as_of")


@dataclass(frozen=True)
class Spent:
    """Revenue net of refunds, and orders, of a number of days."""

    revenue: Decimal
    orders: int


@dataclass(frozen=True)
class OneCustomer:
    """What the lake has of a number.

    `worth` is the row of customer_value, None for who has not bought; `before` that of customer_value_days, AGO_DAYS
    ago or earlier, None if none was kept. `horizon` is of how many days the expected value is. `spent` and
    `spent_before` are of SPAN_DAYS up to the shop's newest day with a purchase, and of as many days before. `cart` are
    the rows of abandoned_carts. `timeline` has the columns TIMELINE, the newest first; its sessions begin with the day
    `sessions_since`, None where there are none to look through.

    `is_computed` tells of customer_value, sessions and carts; `is_behind` whether newer purchases follow.
    """

    user_id: int
    worth: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    horizon: int | None
    spent: Spent
    spent_before: Spent
    cart: pl.DataFrame
    timeline: pl.DataFrame
    sessions_since: date | None
    is_computed: bool
    is_behind: bool

    @property
    def is_known(self) -> bool:
        """Whether the lake has anything of this number."""
        return self.worth is not None or self.timeline.height > 0

    @property
    def in_cart(self) -> Decimal:
        """The value of what lies in the cart."""
        return Decimal(str(self.cart["cart_value"].sum() or 0))


def one_customer(lake: Lake, user_id: int) -> OneCustomer:
    """What the lake has of a number. Raises LakeError if it can't be read."""
    mine = f"user_id = {int(user_id)}"
    value, carts, sessions = (lake.table(layout) for layout in (CUSTOMER_VALUE, ABANDONED_CARTS, SESSIONS))
    sold = lake.table(CUSTOMER_DAYS)
    row = value.read(mine)
    days = sold.read(mine, ["event_date", "orders", "revenue"])
    as_of: date | None = row.item(0, "as_of") if row.height else None
    cart = carts.read(mine)
    since = _sessions_since(sessions)
    sources = ((value, CUSTOMER_DAYS), (carts, SILVER_EVENTS), (sessions, SILVER_EVENTS))
    timeline = [_orders(lake, mine, days), _in_cart(cart), _sessions(sessions, mine, since)]
    return OneCustomer(
        user_id=user_id,
        worth=row.row(0, named=True) if row.height else None,
        before=None if as_of is None else _before(lake, mine, as_of - timedelta(days=AGO_DAYS)),
        horizon=_horizon(lake, row),
        spent=_spent(days, as_of, 0),
        spent_before=_spent(days, as_of, SPAN_DAYS),
        cart=cart.sort("cart_value", descending=True),
        timeline=pl.concat(timeline).sort("at", "kind", descending=[True, False]),
        sessions_since=since,
        is_computed=not any(not table.rows and is_not_computed(table, lake, source) for table, source in sources),
        is_behind=has_changed(value, sold),
    )


def find_customers(lake: Lake, wanted: str) -> pl.DataFrame:
    """The 20 customers with the most revenue whose number begins with `wanted`: digits, else nobody is found.

    Columns: user_id, revenue, orders, last_order_at, segment. Raises LakeError if they can't be read.
    """
    table, columns = lake.table(CUSTOMER_VALUE), ["user_id", "revenue", "orders", "last_order_at", "segment"]
    if not is_number(wanted):
        return table.read("false", columns)
    begins = pl.col("user_id").cast(pl.String).str.starts_with(wanted.strip())
    return table.read(None, columns).filter(begins).sort("revenue", "user_id", descending=[True, False]).head(FOUND)


def is_number(wanted: str) -> bool:
    """Whether a text is a number that a customer can have."""
    digits = wanted.strip()
    return digits.isascii() and digits.isdigit() and len(digits) < 19


def _before(lake: Lake, mine: str, day: date) -> Mapping[str, Any] | None:
    """What was recorded of the customer at the end of a day, or of the newest day before it that was."""
    kept = lake.table(CUSTOMER_VALUE_DAYS)
    found = [one for one in kept.days if one <= day]
    rows = kept.read(f"as_of = DATE '{found[-1]}' AND {mine}", _FACTS) if found else pl.DataFrame()
    return rows.row(0, named=True) if rows.height else None


def _horizon(lake: Lake, row: pl.DataFrame) -> int | None:
    """The longer horizon of the model that has said what is expected of the customer."""
    models = lake.table(CLV_MODEL).read(columns=["model_version", "far_days"])
    found = models.join(row.select("model_version"), on="model_version", how="semi")
    return found.item(0, "far_days") if found.height else None


def _spent(days: pl.DataFrame, as_of: date | None, ago: int) -> Spent:
    until = pl.lit(as_of, pl.Date) - pl.duration(days=ago)
    within = days.filter(pl.col("event_date") <= until, pl.col("event_date") > until - pl.duration(days=SPAN_DAYS))
    return Spent(Decimal(str(within["revenue"].sum() or 0)), int(within["orders"].sum()))


def _orders(lake: Lake, mine: str, days: pl.DataFrame) -> pl.DataFrame:
    """An order is all purchase rows of one visit in the same second; of returns alone it is a return."""
    newest = sorted(set(days["event_date"]))[-ORDER_DAYS:]
    purchases = lake.table(SILVER_PURCHASES)
    within = f"{mine} AND {purchases.layout.on_days(newest)}" if newest else "false"
    rows = purchases.read(within, ["event_time", "user_session", "product_id", "brand", "price"])
    is_sold = pl.col("price") >= 0
    product = pl.concat_str(pl.col("product_id").cast(pl.String), pl.col("brand"), separator=" ", ignore_nulls=True)
    orders = rows.group_by("user_session", at=pl.col("event_time").dt.truncate("1s")).agg(
        value=pl.col("price").sum(), sold=is_sold.sum(), products=product.unique().sort().str.join(", ")
    )
    sold = pl.col("sold")
    return orders.select(
        "at",
        kind=pl.when(sold > 0).then(pl.lit(ORDER)).otherwise(pl.lit(RETURN)),
        what=pl.when(sold > 0).then(_counted(sold, "item") + ": ").otherwise(pl.lit("")) + pl.col("products"),
        value="value",
    ).cast(TIMELINE)


def _in_cart(cart: pl.DataFrame) -> pl.DataFrame:
    quantity, product = pl.col("quantity").cast(pl.String), pl.col("product_id").cast(pl.String)
    what = pl.concat_str(quantity + " of " + product, pl.col("brand"), separator=" ", ignore_nulls=True)
    return cart.select(at="carted_at", kind=pl.lit(CART), what=what, value="cart_value").cast(TIMELINE)


def _sessions(sessions: LakeTable, mine: str, since: date | None) -> pl.DataFrame:
    columns = ["started_at", "ended_at", "views", "carts", "removals", "purchases", "revenue"]
    rows = sessions.read(f"{mine} AND event_date >= DATE '{since}'" if since else "false", columns)
    minutes = ((pl.col("ended_at") - pl.col("started_at")).dt.total_minutes() + 1).cast(pl.String) + " min: "
    done = pl.concat_str(
        _counted(pl.col("views"), "view"),
        *(
            pl.when(pl.col(name) > 0).then(pl.format(", {} " + words, name)).otherwise(pl.lit(""))
            for name, words in {"carts": "put in the cart", "removals": "taken out", "purchases": "bought"}.items()
        ),
    )
    value = pl.when(pl.col("purchases") > 0).then("revenue")
    return rows.select(at="started_at", kind=pl.lit(SESSION), what=minutes + done, value=value).cast(TIMELINE)


def _counted(number: pl.Expr, word: str) -> pl.Expr:
    return number.cast(pl.String) + pl.when(number == 1).then(pl.lit(f" {word}")).otherwise(pl.lit(f" {word}s"))


def _sessions_since(sessions: LakeTable) -> date | None:
    """The first of the newest days that hold SESSION_ROWS together."""
    left, first = SESSION_ROWS, None
    for day, (rows, _) in sorted(day_rows(sessions).items(), reverse=True):
        left -= rows
        if left < 0 and first is not None:
            break
        first = day
    return first
