"""The figures of a day in a few lines, with a picture, for people who do not open the dashboard.

Add here: a figure of the digest. Not here: when it is sent, or to whom (`sensors.digest_schedule`).
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from assets.runs.charts import draw_top_products, sales_between, top_products
from assets.tables import CUSTOMER_DAYS
from resources.lake import Lake

TOP = 5
_MARKS = re.compile(r"[<>&*_~`|@\x00-\x1f\x7f]+")
"""What a chat takes for a link, a mention or markup."""


@dataclass(frozen=True)
class Digest:
    """What is told of a day: a subject, lines of text, and the top products as PNG."""

    subject: str
    text: str
    picture: bytes | None


def digest_of(lake: Lake, day: date, dashboard: str | None) -> Digest:
    """The digest of a UTC day, beside the same weekday a week before. Raises LakeError if the lake can't be read."""
    sales, now, before = sales_between(lake, day, day), _totals(lake, day), _totals(lake, day - timedelta(weeks=1))
    lines = [_compared(name, now[name], before[name]) for name in now]
    best = top_products(sales, TOP).iter_rows(named=True)
    lines += [f"{place}. {_label(row)}: {row['revenue']:,.2f}" for place, row in enumerate(best, 1)]
    if dashboard:
        lines.append(f"{dashboard.rstrip('/')}/?span=week")
    picture = draw_top_products(sales, day, day) if sales.height else None
    return Digest(f"Sales of {day:%A, %d %B %Y} (UTC)", "\n".join(lines), picture)


def _totals(lake: Lake, day: date) -> dict[str, Decimal]:
    rows = lake.table(CUSTOMER_DAYS).read(f"event_date = DATE '{day}'", ["revenue", "units", "orders"])
    sums = {name: Decimal(str(rows.select(pl.col(name).sum()).item() or 0)) for name in rows.columns}
    buyers = Decimal(rows.filter(pl.col("orders") > 0).height)
    average = sums["revenue"] / sums["orders"] if sums["orders"] else Decimal()
    return {
        "Revenue": sums["revenue"].quantize(Decimal("0.01")),
        "Units": sums["units"],
        "Orders": sums["orders"],
        "Buyers": buyers,
        "Average order": average.quantize(Decimal("0.01")),
    }


def _compared(name: str, now: Decimal, before: Decimal) -> str:
    change = f"{now / before - 1:+.0%} on the same weekday a week before" if before > 0 else "nothing a week before"
    return f"{name}: {now:,} ({change})"


def _label(row: dict[str, object]) -> str:
    return " ".join(_MARKS.sub(" ", f"{row['product_id']} {row['brand'] or ''}").split())[:60]
