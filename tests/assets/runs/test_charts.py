import warnings
from datetime import date
from decimal import Decimal

import polars as pl

from assets.runs.charts import _label, draw_top_products
from tests.hostile_texts import HOSTILE


def test_whatever_a_brand_says_the_picture_is_drawn() -> None:
    sales = pl.DataFrame(
        {"product_id": range(50), "brand": HOSTILE, "revenue": [Decimal("1.00")] * 50, "units": [1] * 50}
    )

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The font has no emoji: a box stands for one.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        picture = draw_top_products(sales, date(2026, 1, 1), date(2026, 1, 1), top=50)

    assert picture.startswith(b"\x89PNG")


def test_a_label_is_one_short_line() -> None:
    labels = [_label(7, text) for text in HOSTILE]

    assert [label for label in labels if len(label.replace(r"\$", "$")) > 40 or not label.isprintable()] == []
    assert _label(7, None) == "7"
    assert _label(7, "runail") == "7 runail"
