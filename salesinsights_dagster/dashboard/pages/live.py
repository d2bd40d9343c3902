"""The page on the wall: what is sold now, and how fresh that is.

Add here: what this page shows. Not here: how it is computed (`figures`, `payment_latency`).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from nicegui import run, ui
from nicegui.events import EChartPointClickEventArguments, GenericEventArguments

from assets.stream.checks import LATENCY_LIMIT
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.currency import priced_columns
from salesinsights_dagster.dashboard.figures import Figures
from salesinsights_dagster.dashboard.kiosk import as_kiosk
from salesinsights_dagster.dashboard.live_card import LiveCard
from salesinsights_dagster.dashboard.movers_card import MoversCard
from salesinsights_dagster.dashboard.note_list import NoteList
from salesinsights_dagster.dashboard.parts import (
    ACCENT,
    GREY,
    PLAIN_TIP,
    ChartCard,
    FreshnessPill,
    chart,
    column,
    columns_over_time,
    heading,
    page_frame,
)
from salesinsights_dagster.dashboard.picks import Chips, make_pickable, with_picks
from salesinsights_dagster.dashboard.range_button import RangeButton
from salesinsights_dagster.dashboard.revenue_chart import course_of, last_moment, revenue_chart, revenue_over_time, said
from salesinsights_dagster.dashboard.shop_days import clock_ms, on_clocks, said_moment
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.trend_tile import TrendTile
from salesinsights_dagster.dashboard.view import View, ViewError
from salesinsights_dagster.dashboard.views_button import ViewsButton
from salesinsights_dagster.dashboard.writers import Writer
from salesinsights_dagster.dashboard.zone_picker import ZonePicker

_SHORTEST = timedelta(minutes=5)
"""The least time that the chart of waits spans: for a single point it would show two days."""

_STEPS = (15, 30, 60, 120, 300, 600, 1_800, 3_600)
"""Seconds between two lines of the chart of waits: more than six would write over each other."""

_TELL_BACK = """<script>
addEventListener("popstate", () => emitEvent("si_back", location.search));
</script>"""

_MONEY = ("revenue", "average_order_value")
_TILES = {
    "revenue": "Revenue",
    "units": "Units",
    "orders": "Orders",
    "buyers": "Buyers",
    "average_order_value": "Average order",
}


class LivePage:
    """One open page. It looks every second, and redraws only what is new."""

    def __init__(self, board: Board, asked: Mapping[str, str], theme: str | None) -> None:
        self._board, self._theme = board, theme
        self._view, wrong = _view_of(asked)
        self._zone = self._view.at(board.zone).tz.key
        self._shown: Figures | None = None
        self._noted: object = None
        writer = Writer.of(ui.context.client.request.scope)
        with page_frame("Live", theme):
            with ui.row().classes("si-bar w-full items-center justify-between gap-3"):
                with ui.row().classes("si-tools items-center gap-x-4 gap-y-2"):
                    choices = {name: choice.title for name, choice in SPANS.items()}
                    self._span = _choice("Span of time", choices, self._chosen_span())
                    self._span.on_value_change(lambda chosen: self._during(chosen.value))
                    self._range = RangeButton(self._view, self._today, self._go)
                    with ui.row().classes("items-center gap-2"):
                        ui.label("compared with").classes("si-muted text-sm")
                        self._compare = _choice("Compared with", _comparisons(self._view), self._view.compare)
                        self._compare.on_value_change(lambda chosen: self._beside(str(chosen.value)))
                    ZonePicker(self._zone, board.zone, self._in_zone)
                    self._views = ViewsButton(board.views, writer, lambda view: _address(view, theme))
                self._fresh = FreshnessPill()
            self._range.place_form()
            self._views.place_form()
            self._views.show(self._view)
            self._chips = Chips(board.names, self._go)
            self._chips.show(self._view)
            self._wrong = ui.label(wrong).classes("si-warn rounded px-3 py-1").props("role=status")
            self._wrong.set_visibility(bool(wrong))
            with ui.element("div").classes("si-grid si-tiles"):
                tiles = priced_columns(_TILES, board.currency)
                self._tiles = {name: TrendTile(title) for name, title in tiles.items()}
            self._now = LiveCard(board.currency)
            with ui.element("div").classes("si-grid si-charts"):
                with column():
                    title, columns = f"Revenue over time ({self._zone})", priced_columns(_TIME_COLUMNS, board.currency)
                    columns = {"bucket_start": f"From ({self._zone})", **columns}
                    self._time = ChartCard(title, revenue_chart(), "", columns, "300px")
                    self._time.chart.on_point_click(self._pick_day)
                    with self._time.card:
                        self._notes = NoteList(board.notes, ZoneInfo(self._zone), writer, self.refresh)
                    self._movers = MoversCard(board.names, board.currency, self._follow)
                with column():
                    top = priced_columns(_TOP_COLUMNS, board.currency)
                    self._top = ChartCard("Top 20 products by revenue", _bars(), "", top, "620px")
                    make_pickable(self._top.table, ["product_id", "brand"], self._follow)
                    self._top.chart.on_point_click(self._pick_bar)
                    self._wait = WaitCard(self._view.at(board.zone).tz)
        if asked.get("kiosk") == "1":
            as_kiosk()
        ui.on("si_back", self._back)
        ui.add_body_html(_TELL_BACK)
        ui.timer(1.0, self.refresh)
        # Beside it: the first look of the day at the last hour takes seconds in a busy shop.
        ui.timer(2.0, lambda: self._now.refresh(board))

    def _chosen_span(self) -> str | None:
        return None if self._view.range else self._view.span

    async def _during(self, span: str | None) -> None:
        if span is not None:
            await self._go(self._view.during(span))

    async def _beside(self, compare: str) -> None:
        await self._go(replace(self._view, compare=compare))

    def _today(self) -> date:
        return self._board.clock().astimezone(ZoneInfo(self._zone)).date()

    async def _in_zone(self, zone: str | None) -> None:
        await self._go(replace(self._view, zone=zone))

    async def _go(self, view: View) -> None:
        """Show a view, and put it into the address, so that it can be kept, sent, and gone back to."""
        if view.zone != self._view.zone:
            ui.navigate.to(_address(view, self._theme))
        elif view != self._view:
            ui.navigate.history.push(_address(view, self._theme))
            await self._show_view(view)

    async def _back(self, event: GenericEventArguments) -> None:
        """Show what the address says, to which the browser has gone back."""
        view, _ = _view_of(dict(parse_qsl(str(event.args).removeprefix("?"))))
        if view.zone != self._view.zone:
            ui.navigate.reload()
        else:
            await self._show_view(view)

    async def _follow(self, query: str) -> None:
        view, _ = _view_of(dict(parse_qsl(query)))
        await self._go(view)

    async def _pick_day(self, clicked: EChartPointClickEventArguments) -> None:
        """Show the day of a bar; a bar of a quarter of an hour is no day."""
        if self._shown is not None and self._shown.is_by_day and clicked.series_index == 0:
            begun = self._shown.over_time["bucket_start"][clicked.data_index]
            day = begun.astimezone(ZoneInfo(self._zone)).date().isoformat()
            await self._go(self._view.between(day, day))

    async def _pick_bar(self, clicked: EChartPointClickEventArguments) -> None:
        if self._shown is not None and clicked.data_index < self._shown.top.height:
            await self._go(self._view.only("product", str(self._shown.top.reverse()["product_id"][clicked.data_index])))

    async def _show_view(self, view: View) -> None:
        # Before the choices are set, which tell their new values to `_go`.
        self._view = view
        self._wrong.set_visibility(False)
        self._chips.show(view)
        self._span.set_value(self._chosen_span())
        self._range.show(view)
        self._views.show(view)
        self._compare.set_options(_comparisons(view), value=view.compare)
        await self.refresh()

    async def refresh(self) -> None:
        """Show what the board has now."""
        self._fresh.show(self._board)
        view = self._view
        figures = await run.io_bound(self._board.figures, view)
        if figures is None or view != self._view:
            return
        noted = self._board.notes.all
        if figures is not self._shown or noted is not self._noted:
            self._shown, self._noted = figures, noted
            self._show(figures)
            self._wait.show(self._board)
        # They change with the minute, also when nothing is sold.
        movers = await run.io_bound(self._board.movers, view)
        if movers is not None and view == self._view:
            self._movers.show(view, movers)

    def _show(self, figures: Figures) -> None:
        query = f"?{self._view.query}&format=csv"
        for name, tile in self._tiles.items():
            tile.show(
                _figure(name, figures.totals), figures.change(name), _note(name, figures), course_of(name, figures)
            )
        zone = figures.view.tz
        span = f"{figures.start.astimezone(zone):%d %b %Y %H:%M} to {said_moment(figures.end, zone)}"
        empty = f"Nothing was sold in this span ({span})."
        top = figures.top.reverse()
        names = self._board.names
        labels = [names.short(product, brand) for product, brand in top.select("product_id", "brand").iter_rows()]
        bars = [{"value": float(revenue), "label": {"formatter": f"{revenue:,.2f}"}} for revenue in top["revenue"]]
        series = {**_bars()["series"][0], "data": bars}
        axis = {**_bars()["yAxis"], "data": labels}
        rows = with_picks(with_picks(figures.top, self._view, "product_id", "product"), self._view, "brand", "brand")
        self._top.show({"yAxis": axis, "series": [series]}, names.shown(rows), f"/api/top-products{query}", empty)
        notes = self._board.notes.during(figures.start, last_moment(figures))
        self._notes.show(notes)
        self._time.show(
            revenue_over_time(figures, notes), on_clocks(figures.over_time, zone), f"/api/over-time{query}", empty
        )
        self._time.say(said(figures, notes.height))


def _choice(name: str, choices: dict[str, str], chosen: str | None) -> ui.toggle:
    toggle = ui.toggle(choices, value=chosen).props("no-caps unelevated dense padding='4px 14px'")
    return toggle.props(f'role=group aria-label="{name}"')


def _comparisons(view: View) -> dict[str, str]:
    return {known.name: known.title for known in view.shown.comparisons}


def _view_of(asked: Mapping[str, str]) -> tuple[View, str]:
    """The view that an address asks for; if it can't be shown, the usual one, and why."""
    try:
        return View.read(asked), ""
    except ViewError as error:
        return View(), f"The address asks for what can't be shown. {error}."


def _address(view: View, theme: str | None) -> str:
    return f"/?{view.query}{f'&theme={theme}' if theme else ''}"


class WaitCard:
    """How long payments take to reach this page, compared with the promised 45 seconds."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        with ui.element("section").classes("si-card"):
            title = f"Data delay, from payment to this page (at most {LATENCY_LIMIT:.0f} s)"
            heading(title)
            self._text = ui.label("").classes("si-muted text-sm")
            self._chart = chart(title, _waits(), "130px")

    def show(self, board: Board) -> None:
        figures, points = board.latency.figures(), board.latency.points()
        text = "No payment has come since this dashboard started."
        if points:
            text = (
                f"Typical {figures['p50']:.1f} s, slowest 5 % {figures['p95']:.1f} s, longest {figures['max']:.1f} s, "
                f"of {figures['purchases']:,} payments in the last hour."
            )
        self._text.set_text(text)
        self._chart.props["aria-label"] = f"Data delay. {text}"
        self._chart.set_visibility(bool(points))
        median, longest = self._chart.options["series"]
        median["data"] = [[clock_ms(at, self._zone), round(usual, 1)] for at, usual, _ in points]
        longest["data"] = [[clock_ms(at, self._zone), round(most, 1)] for at, _, most in points]
        if points:
            longest["showSymbol"] = median["showSymbol"] = len(points) == 1
            begin, end = points[0][0], max(points[-1][0], points[0][0] + _SHORTEST)
            self._chart.options["xAxis"].update(min=clock_ms(begin, self._zone), max=clock_ms(end, self._zone))
        self._chart.options["yAxis"].update(wait_axis(max((most for _, _, most in points), default=0.0)))
        self._chart.update()


_TOP_COLUMNS = {"product_id": "Product", "brand": "Brand", "revenue": "Revenue", "units": "Units"}
_TIME_COLUMNS = {
    "revenue": "Revenue",
    "other_revenue": "Compared with",
    "forecast": "Forecast",
    "units": "Units",
    "orders": "Orders",
    "buyers": "Buyers",
}


def _figure(name: str, totals: Mapping[str, object]) -> str:
    value = totals.get(name)
    if value is None:
        return "no order" if name == "average_order_value" else "0.00" if name in _MONEY else "0"
    return f"{value:,.2f}" if name in _MONEY else f"{value:,}"


def _note(name: str, figures: Figures) -> str:
    """What a figure is compared with, or why it is not."""
    if figures.incomparable:
        return figures.incomparable[0].upper() + figures.incomparable[1:]
    text = figures.other_text[0].upper() + figures.other_text[1:]
    return f"{text}: {_figure(name, figures.before)}"


def _bars() -> dict:
    return {
        "grid": {"left": 8, "right": 76, "top": 4, "bottom": 4, "containLabel": True},
        "tooltip": PLAIN_TIP,
        "xAxis": {"type": "value", "show": False},
        "yAxis": {
            "type": "category",
            "data": [],
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": {"color": GREY, "interval": 0, "width": 150, "overflow": "truncate"},
        },
        "series": [
            {
                "type": "bar",
                "data": [],
                "barCategoryGap": "28%",
                "barMaxWidth": 34,
                "itemStyle": {"color": ACCENT, "borderRadius": [0, 5, 5, 0]},
                "label": {"show": True, "position": "right", "color": GREY},
            }
        ],
    }


def wait_axis(longest: float) -> dict[str, int]:
    """The steps and the end of an axis that shows waits of so many seconds: at least a minute, in six steps at most."""
    step = next((each for each in _STEPS if longest <= 6 * each), math.ceil(longest / 21_600) * 3_600)
    return {"interval": step, "max": step * math.ceil(max(60.0, longest) / step)}


def _waits() -> dict:
    limit = {"silent": True, "symbol": "none", "data": [{"yAxis": LATENCY_LIMIT}], "label": {"color": GREY}}
    line = {"type": "line", "showSymbol": False, "data": []}
    base = columns_over_time()
    return {
        **base,
        "grid": {**base["grid"], "right": 34},
        "yAxis": {**base["yAxis"], "min": 0, **wait_axis(0.0)},
        "series": [
            {**line, "name": "typical", "color": ACCENT, "markLine": {**limit, "lineStyle": {"color": "#d8574f"}}},
            {**line, "name": "longest", "color": GREY},
        ],
    }
