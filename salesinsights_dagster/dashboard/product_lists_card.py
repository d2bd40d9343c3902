"""How the lists of the catalogue's products look on the Product page, and the sentence about one of them.

Add here: how one of these lists is shown. Not here: which products are in it (`product_lists`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.currency import priced, priced_columns
from salesinsights_dagster.dashboard.parts import NOT_COMPUTED, TableCard, column
from salesinsights_dagster.dashboard.product_lists import WITHIN, ListName
from salesinsights_dagster.dashboard.product_names import NUMBER

SHOWN = 20

_PRODUCT = {"product_id": "Product", "brand": "Brand"}
_TITLES: Mapping[ListName, str] = {
    "runs_out": f"Runs out within {WITHIN} days",
    "margins": "Largest margin, last 30 days",
    "never_sold": "Never sold",
    "unsold": "Not sold for 30 days",
}
_COLUMNS: Mapping[ListName, dict[str, str]] = {
    "runs_out": {**_PRODUCT, "stock_left": "Left", "units_a_day": "Sold a day", "days_left": "Days left"},
    "margins": {**_PRODUCT, "margin_30d": "Margin", "margin_rate": "Of revenue"},
    "never_sold": {**_PRODUCT, "stock": "In stock"},
    "unsold": {**_PRODUCT, "stock": "In stock", "last_sold_on": "Last sold"},
}
_EMPTY: Mapping[ListName, str] = {
    "runs_out": "No stock that the catalogue states runs out so soon.",
    "margins": "The catalogue has no cost of a product that was sold.",
    "never_sold": "Every product of the catalogue was sold.",
    "unsold": "Every product that was ever sold was sold in the last 30 days.",
}
_MONEY = ("margin_30d",)
NO_CATALOGUE = "There is no catalogue. `salesinsights catalog FILE` loads one."


@dataclass(frozen=True)
class Lists:
    """The rows by list; `why_none` is why there are none at all."""

    rows: Mapping[ListName, pl.DataFrame]
    why_none: str | None


class ProductListCards:
    """The four lists in two columns."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._cards: dict[ListName, TableCard] = {}
        with ui.element("div").classes("si-grid si-charts"):
            for names in (("runs_out", "never_sold"), ("margins", "unsold")):
                with column():
                    for name in names:
                        titles = priced_columns(_COLUMNS[name], board.currency, _MONEY)
                        self._cards[name] = TableCard(_TITLES[name], titles, "product_id")

    def show(self, lists: Lists) -> None:
        """Show the first rows of each list."""
        for name, card in self._cards.items():
            rows = self._board.names.linked(as_shown(lists.rows[name].head(SHOWN))).select(*_COLUMNS[name], NUMBER)
            card.show(rows, f"/api/products/{name}?format=csv", lists.why_none or _EMPTY[name])


def lists_of(board: Board) -> Lists:
    """All lists. Raises LakeError if they can't be read."""
    why = None if board.lists.rows().height else NOT_COMPUTED if board.names.has_catalogue else NO_CATALOGUE
    return Lists({name: board.lists.get(name) for name in _TITLES}, why)


def as_shown(rows: pl.DataFrame) -> pl.DataFrame:
    """Days with one decimal, the pace with two; the margin as a share of the revenue whose cost is known."""
    share = pl.col("margin_30d").cast(pl.Float64) / pl.col("known_cost_revenue_30d").cast(pl.Float64)
    text = pl.when(pl.col("known_cost_revenue_30d") > 0).then((100 * share).round(1).cast(pl.String) + " %")
    return rows.with_columns(pl.col("units_a_day").round(2), pl.col("days_left").round(1), margin_rate=text)


def stock_sentence(outlook: pl.DataFrame, currency: str | None) -> str:
    """What the catalogue and the sales say of one product; empty if they say neither stock nor margin."""
    parts = (part for row in as_shown(outlook).to_dicts() for part in (_stock(row), _margin(row, currency)))
    return " ".join(filter(None, parts))


def _stock(row: dict[str, object]) -> str:
    if row["stock_left"] is None:
        return ""
    stated = f"{row['stock']:,} in stock on {row['stock_at']:%d %b %Y}, {row['sold_since']:,} sold since"
    if not row["stock_left"]:
        return f"{stated}: none is left."
    left = f"{row['stock_left']:,} left"
    if row["days_left"] is None:
        return f"{stated}: {left}."
    return f"{stated}: {left}, enough for {row['days_left']:,} days at {row['units_a_day']:,} a day."


def _margin(row: dict[str, object], currency: str | None) -> str:
    if row["margin_30d"] is None:
        return ""
    rate = f" ({row['margin_rate']} of revenue)" if row["margin_rate"] else ""
    return f"{priced('Margin', currency)} of 30 days: {row['margin_30d']:,}{rate}."
