"""Charts: the top products of some days, as PNG.

Add here: a chart that the Dagster UI or a file shows. Not here: its figures (`gold`).
"""

import base64
import io
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from assets.tables import PRODUCT_SALES_DAILY
from resources.lake import Lake

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 20

_LONGEST_LABEL = 40
"""Characters: a longer label leaves no room for its bar. A brand may be as long as a message."""


def newest_day_of_sales(lake: Lake) -> date | None:
    """The last day with sales; None if there is none."""
    return max(lake.table(PRODUCT_SALES_DAILY).days, default=None)


def sales_between(lake: Lake, first: date, last: date) -> pl.DataFrame:
    """Sales on the days of [first, last]: product_id, brand, revenue, units; one row per product and day."""
    span = f"event_date BETWEEN DATE '{first}' AND DATE '{last}'"
    return lake.table(PRODUCT_SALES_DAILY).read(span, ["product_id", "brand", "revenue", "units"])


def top_products(sales: pl.DataFrame, top: int = TOP) -> pl.DataFrame:
    """The products with the highest revenue, highest first: product_id, brand, revenue, units."""
    return (
        sales.group_by("product_id")
        .agg(pl.col("brand").max(), pl.col("revenue").sum(), pl.col("units").sum())
        .sort("revenue", "product_id", descending=[True, False])
        .head(top)
    )


def draw_top_products(sales: pl.DataFrame, first: date, last: date, top: int = TOP) -> bytes:
    """A bar chart of the top products in `sales`, of the days [first, last], as PNG bytes."""
    from matplotlib.figure import Figure

    shown = top_products(sales, top).reverse()
    figure = Figure(figsize=(8, 0.6 + 0.28 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    labels = [_label(*row) for row in shown.select("product_id", "brand").iter_rows()]
    bars = axes.barh(labels, shown["revenue"].cast(pl.Float64).to_list(), color="#4f43dd")
    axes.bar_label(bars, [f"{revenue:,.2f}" for revenue in shown["revenue"]], padding=3, fontsize=8)
    days = f"{last:%d %B %Y}" if first == last else f"{first:%d %B %Y} to {last:%d %B %Y}"
    axes.set_title(f"Top products by revenue, {days} (UTC)", loc="left", fontsize=11)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0)
    axes.xaxis.set_visible(False)
    axes.margins(x=0.12, y=0.01)
    return png_of(figure)


def png_of(figure: "Figure") -> bytes:
    """A figure as PNG bytes, drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _label(product_id: int, brand: str | None) -> str:
    """One line, of characters that can be drawn."""
    drawn = "".join(sign if sign.isprintable() else " " for sign in f"{product_id} {brand or ''}").strip()
    short = drawn if len(drawn) <= _LONGEST_LABEL else f"{drawn[: _LONGEST_LABEL - 1]}…"
    # A dollar sign would start a formula in the label.
    return short.replace("$", r"\$")


def inline(picture: bytes, title: str) -> str:
    """Markdown that shows a PNG without another request."""
    return f"![{title}](data:image/png;base64,{base64.b64encode(picture).decode()})"
