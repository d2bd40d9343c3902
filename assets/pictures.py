"""Pictures for people: the top products of a day, as PNG.

Add here: a chart that the Dagster UI or a file shows. Not here: the figures behind it (gold).
"""

import base64
import io
from datetime import date

import polars as pl

TOP = 20


def top_products(sales: pl.DataFrame, top: int = TOP) -> pl.DataFrame:
    """The products with the most revenue, greatest first: product_id, brand, revenue, units."""
    return (
        sales.group_by("product_id")
        .agg(pl.col("brand").max(), pl.col("revenue").sum(), pl.col("units").sum())
        .sort("revenue", "product_id", descending=[True, False])
        .head(top)
    )


def draw_top_products(sales: pl.DataFrame, day: date) -> bytes:
    """A bar chart of the top products of `sales` as PNG bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    top = top_products(sales).reverse()
    figure = Figure(figsize=(8, 0.6 + 0.28 * max(len(top), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    labels = [_label(*row) for row in top.select("product_id", "brand").iter_rows()]
    bars = axes.barh(labels, top["revenue"].cast(pl.Float64).to_list(), color="#4f43dd")
    axes.bar_label(bars, [f"{revenue:,.2f}" for revenue in top["revenue"]], padding=3, fontsize=8)
    axes.set_title(f"Top products by revenue, {day:%d %B %Y} (UTC)", loc="left", fontsize=11)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0)
    axes.xaxis.set_visible(False)
    axes.margins(x=0.12, y=0.01)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _label(product_id: int, brand: str | None) -> str:
    # A dollar sign would start a formula in the label.
    return f"{product_id} {brand or ''}".replace("$", r"\$").strip()


def inline(picture: bytes) -> str:
    """Markdown that shows a PNG without another request."""
    return f"![top products](data:image/png;base64,{base64.b64encode(picture).decode()})"
