"""What the figures of the dashboard are compared with: plain sums over silver, and sales at random.

Add here: a plain way to count. Not here: a test.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import polars as pl

from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from tests.conftest import event

BRANDS = ["o'clock", "b", None]


def sales(now: datetime, seed: int, count: int = 400) -> Iterator[bytes]:
    """Purchases, returns and views of the last days; a product has now this brand and now that."""
    draw = Random(seed)
    for _ in range(count):
        ago = timedelta(seconds=round(draw.choice([3_000, 90_000, 1_500_000]) * draw.random()))
        yield event(
            event_time=(now - ago).isoformat(),
            event_type=draw.choice(["purchase", "purchase", "view"]),
            product_id=draw.randint(1, 4),
            brand=draw.choice(BRANDS),
            price=f"{draw.choice([-1, 1, 1, 1])}.{draw.randint(10, 99)}",
            user_id=draw.randint(1, 9),
            user_session=draw.choice("st"),
        )


def purchases_of(lake: Lake) -> pl.DataFrame:
    """Silver's purchases."""
    return lake.table(SILVER_EVENTS).read().filter(pl.col("event_type") == "purchase")


def expected(purchases: pl.DataFrame, wanted: pl.Expr) -> tuple[object, ...] | None:
    """Revenue, units, refunds, orders and buyers of the wanted ones; None if there are none."""
    rows = purchases.filter(wanted)
    bought = rows.filter(pl.col("price") >= 0)
    orders = bought.select("user_id", "user_session", pl.col("event_time").dt.truncate("1s")).n_unique()
    refunds = -rows.filter(pl.col("price") < 0)["price"].sum()
    sums = rows["price"].sum(), bought.height, refunds, orders if bought.height else 0, bought["user_id"].n_unique()
    return sums if rows.height else None


def counted(totals: dict[str, object]) -> tuple[object, ...] | None:
    return tuple(totals[name] for name in ("revenue", "units", "refunds", "orders", "buyers")) if totals else None
