"""Revenue over time as a chart: this span's bars, the other time as a dashed line, the forecast as a dotted one.

Add here: how that is drawn or said. Not here: how it is computed (`figures`).
"""

from datetime import datetime, timedelta

import polars as pl

from salesinsights_dagster.dashboard.figures import Figures
from salesinsights_dagster.dashboard.note_marks import TOP, note_marks
from salesinsights_dagster.dashboard.parts import GREY, columns_over_time
from salesinsights_dagster.dashboard.shop_days import clock_ms

FORECAST = "#c2571a"

_MONEY_TIP = "value => value == null ? '' : value.toLocaleString('en', {minimumFractionDigits: 2})"


def revenue_chart() -> dict:
    """The options, without numbers."""
    base = columns_over_time()
    line = {"type": "line", "showSymbol": False, "data": [], "z": 3}
    return {
        **base,
        "grid": {**base["grid"], "top": 34},
        "legend": {"top": 0, "left": 0, "itemWidth": 18, "textStyle": {"color": GREY}, "data": []},
        "tooltip": {**base["tooltip"], ":valueFormatter": _MONEY_TIP},
        "series": [
            base["series"][0],
            {**line, "color": GREY, "lineStyle": {"type": "dashed", "width": 2}},
            {**line, "color": FORECAST, "lineStyle": {"type": "dotted", "width": 2}},
        ],
    }


def revenue_over_time(figures: Figures, notes: pl.DataFrame) -> dict[str, object]:
    """The options that follow from a span's figures, and from the notes of its time."""
    bars, other, forecast = revenue_chart()["series"]
    named = [
        {**bars, "name": figures.view.shown.title, "data": _points(figures, "revenue")},
        {**other, "name": figures.view.comparison.title, "data": _points(figures, "other_revenue")},
        {**forecast, "name": "Forecast", "data": _points(figures, "forecast")},
    ]
    # A bar is centred on the start of its bucket, so half of it lies before that.
    half = (figures.view.shown.bucket or timedelta()) / 2
    last = figures.over_time["bucket_start"][-1] if figures.view.shown.days else figures.end
    ends = (clock_ms(moment, figures.view.tz) for moment in (figures.start - half, last + half))
    axis = {**revenue_chart()["xAxis"], **dict(zip(("min", "max"), ends, strict=True))}
    legend = {**revenue_chart()["legend"], "data": [line["name"] for line in named if line["data"]]}
    grid = {**revenue_chart()["grid"], **({"top": TOP} if notes.height else {})}
    marked = [*named, note_marks(notes, axis, figures.view.tz)]
    return {"series": marked, "xAxis": axis, "legend": legend, "grid": grid}


def last_moment(figures: Figures) -> datetime:
    """Until when the chart shows time: the end of its last bucket, which may not be over."""
    begun: datetime = figures.over_time["bucket_start"][-1]
    return begun + (figures.view.shown.bucket or timedelta()) if figures.view.shown.days else figures.end


def said(figures: Figures, notes: int = 0) -> str:
    """What the chart shows, in a sentence, and how many notes are below it."""
    parts = [f"{figures.view.shown.title}: {figures.totals.get('revenue', 0):,.2f}"]
    if figures.incomparable is None:
        parts.append(f"{figures.other_text}: {figures.before.get('revenue', 0):,.2f}")
    if figures.forecast.total is not None:
        parts.append(f"expected by midnight: {figures.forecast.total:,.2f}")
    elif figures.view.span == "today" and figures.forecast.why:
        parts.append(f"no forecast: {figures.forecast.why}")
    if notes:
        parts.append("1 note below" if notes == 1 else f"{notes} notes below")
    return "; ".join(parts)


def course_of(name: str, figures: Figures) -> list[float]:
    """A total's course over the span, a value for each bucket until now: none is missing where nothing was sold."""
    course = figures.over_time.filter(pl.col("bucket_start") <= figures.end)
    if name == "average_order_value":
        sold = course.filter(pl.col("orders") > 0)
        return (sold["revenue"].cast(pl.Float64) / sold["orders"]).to_list()
    return course[name].cast(pl.Float64).fill_null(0).to_list()


def _points(figures: Figures, column: str) -> list[list[object]]:
    points = figures.over_time.drop_nulls(column).select("bucket_start", pl.col(column).cast(pl.Float64))
    return [[clock_ms(moment, figures.view.tz), value] for moment, value in points.iter_rows()]
