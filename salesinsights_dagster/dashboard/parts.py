"""What the pages are made of: the frame around each, tiles of figures, charts with their tables.

Add here: a part that a second page needs. Not here: what a page shows (`pages`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from salesinsights_dagster.dashboard.board import QUIET, Board
from salesinsights_dagster.login.rules import LINKS_OF_A_READER
from salesinsights_dagster.login.visitor import SCOPE, Visitor

ACCENT = "#6d63f5"
"""Of bars and lines: it stands out from white and from black alike."""

GREY = "#848b9b"
"""Of lines and axes. No grey can be read well as text on both: the page's style colours what charts write."""

_PRIMARY = "#5a50e0"
"""Of buttons with white text."""

NOT_COMPUTED = "Not computed yet. Dagster does it within minutes; `salesinsights refresh` does it at once."
"""What an empty card says if it is empty only for that."""

_PRODUCT = (
    '<q-td :props="props"><a class="nicegui-link" '
    ":href=\"'/product?search=' + props.row.product_number\">{{ props.value }}</a></q-td>"
)
"""A cell of whom `ProductNames.linked` gives the number."""

_TIP_TEXT = "#20242f"

PLAIN_TIP = {
    "renderMode": "richText",
    "confine": True,
    "backgroundColor": "#ffffff",
    "textStyle": {"color": _TIP_TEXT},
}
"""Tooltips are drawn as text, never as HTML: brands come from the shop's events. They are white in both themes."""

_WORDS = (
    "product_id",
    "brand",
    "step",
    "check",
    "state",
    "stage",
    "reason",
    "table",
    "segment",
    "audience",
    "from_segment",
    "to_segment",
    "user_id",
    "cohort",
    "other_product_id",
    "other_brand",
    "name",
)
"""Columns that are aligned left; numbers and times are aligned right."""

PAGES = {"/": "Live", "/product": "Product", "/customers": "Customers", "/health": "Health"}

_STYLE = """
body { background: #f5f6fa; font-family: Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
body.body--dark { background: #0f1117; }
.si-card { background: #ffffff; border-radius: 14px; padding: 18px 20px; box-shadow: 0 1px 3px rgba(20, 22, 40, .08); }
.body--dark .si-card { background: #181b24; box-shadow: none; }
.si-muted { color: #5f6678; } .body--dark .si-muted { color: #98a0b3; }
.si-tiles > .si-card { container-type: inline-size; }
.si-figure { font-size: clamp(1.1rem, 13cqi, 2.6rem); font-weight: 650; line-height: 1.15;
             font-variant-numeric: tabular-nums; letter-spacing: -0.02em; }
.si-card h2 { font-size: 1rem; line-height: 1.5; font-weight: 600; margin: 0; }
.si-card h2.si-muted { font-size: .875rem; font-weight: 400; }
:is(.nicegui-link, .si-pick):is(:link, :visited) { color: #4f46d9; }
.body--dark :is(.nicegui-link, .si-pick):is(:link, :visited) { color: #aaa4ff; } .si-pick { text-decoration: none; }
.si-pick:hover { text-decoration: underline; }
.nicegui-link.si-muted { color: #5f6678; } .body--dark .nicegui-link.si-muted { color: #a3abbd; }
.si-chart text:not([fill="TIP"]) { fill: #5f6678; } .body--dark .si-chart text:not([fill="TIP"]) { fill: #a9b1c2; }
.si-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.si-pair .q-table th, .si-pair .q-table td { padding: 4px 6px; }
.si-pair .q-table td:first-child { white-space: normal; overflow-wrap: anywhere; }
.si-scroll .q-table :is(th, td) { white-space: normal; }
.si-scroll { width: 100%; overflow-x: auto; } .si-scroll .q-table__middle { overflow: visible; }
.si-zone input:focus-visible { box-shadow: inset 0 0 0 2px #4f46d9; border-radius: 4px; }
.body--dark .si-zone input:focus-visible { box-shadow: inset 0 0 0 2px #aaa4ff; }
a:focus-visible, .q-item:focus-visible, [tabindex="0"]:focus-visible {
  outline: 3px solid #4f46d9; outline-offset: 2px; border-radius: 6px;
}
.body--dark :is(a, .q-item, [tabindex="0"]):focus-visible { outline-color: #aaa4ff; }
/* Quasar forbids its buttons an outline, with more weight than a page's style can have. */
.q-btn:focus-visible { box-shadow: inset 0 0 0 3px #4f46d9; }
.body--dark .q-btn:focus-visible { box-shadow: inset 0 0 0 3px #aaa4ff; }
.q-btn.bg-primary:focus-visible { box-shadow: inset 0 0 0 3px #4f46d9, inset 0 0 0 5px #fff; }
.si-grid { display: grid; gap: 16px; width: 100%; }
.si-tiles { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.si-charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); align-items: start; }
.si-trend { display: flex; flex-direction: column; gap: 2px; }
.si-change { display: flex; align-items: center; gap: 10px; min-height: 28px; }
.si-spark { flex: 1; min-width: 40px; height: 28px; color: #6d63f5; } .si-spark svg { width: 100%; height: 100%; }
.body--dark .si-spark { color: #9d95ff; }
.si-nav { display: flex; align-items: baseline; gap: 16px; flex-grow: 1; }
.si-pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); align-items: start; }
@media (max-width: 599px) {
  .si-nav { order: 1; width: 100%; }
  .si-card { padding: 14px; }
  .si-card .q-table th, .si-card .q-table td { padding: 4px 5px; font-size: .75rem; white-space: normal; }
  .si-card .q-table td.text-left { overflow-wrap: anywhere; min-width: 5.5em; }
}
.q-table__bottom-nodata-icon { display: none; }
.q-btn-group { border-radius: 10px; overflow: hidden; }
.si-views { list-style: none; margin: 0; padding: 0; }
.si-notes { list-style: none; margin: 0; padding: 6px 0 0; font-size: .875rem; }
.si-note { display: flex; align-items: center; gap: 4px; overflow-wrap: anywhere; }
.si-note::before { content: ""; flex: none; width: 9px; height: 9px; border-radius: 50%; background: #12877b; }
.si-pill { border-radius: 999px; padding: 4px 12px; font-size: .85rem; font-weight: 600; white-space: nowrap; }
.si-good { background: #dff5e6; color: #14683a; } .body--dark .si-good { background: #12351f; color: #74d99a; }
.si-warn { background: #fdeecb; color: #7a5200; } .body--dark .si-warn { background: #3d2e0a; color: #f0c560; }
.si-even { background: #e6e8ef; color: #454b5c; } .body--dark .si-even { background: #2a2f3d; color: #b9c0d0; }
.si-bad { background: #fde0e0; color: #952222; } .body--dark .si-bad { background: #431919; color: #f59a9a; }
/* A screen on a wall is read from further away: all of the page grows with it. */
@media (min-width: 2300px) { .si-main { zoom: 1.2; } }
@media (min-width: 2800px) { .si-main { zoom: 1.45; } }
@media (min-width: 3400px) { .si-main { zoom: 1.9; } }
.si-main { width: 100%; max-width: 1900px; margin: 0 auto; padding: 18px clamp(12px, 2vw, 32px) 40px; gap: 16px; }
"""


@contextmanager
def page_frame(title: str, theme: str | None) -> Iterator[None]:
    """The head of every page, and the column for the rest. `theme` is light, dark, or None: the device decides."""
    ui.add_css(_STYLE.replace("TIP", _TIP_TEXT))
    ui.page_title(f"{title} · SalesInsights")
    ui.colors(primary=_PRIMARY)
    dark = ui.dark_mode({"dark": True, "light": False}.get(theme or ""))

    async def turn() -> None:
        """To the other theme than the one that is seen, which only the browser knows if the device decides."""
        dark.set_value(not await ui.run_javascript("Quasar.Dark.isActive"))

    with ui.element("div").classes("si-main flex flex-col"):
        with ui.row().classes("w-full items-baseline justify-between gap-x-4 gap-y-1"):
            ui.label("SalesInsights").classes("text-xl font-bold")
            heading(title, 1).classes("si-hidden")
            with ui.element("nav").classes("si-nav").props('aria-label="Pages"'):
                for path, name in PAGES.items():
                    link = ui.link(name, path).classes(
                        "no-underline font-medium" + ("" if name == title else " si-muted")
                    )
                    if name == title:
                        link.props("aria-current=page")
            _log_out(ui.context.client.request.scope.get(SCOPE))
            dimmer = ui.button(icon="contrast", on_click=turn).props('flat round dense aria-label="Light or dark"')
            dimmer.classes("self-center si-muted si-dimmer").tooltip("Light or dark")
        yield


def _log_out(visitor: Visitor | None) -> None:
    """Who is logged in, and the way out; nothing where everybody may look."""
    if visitor is None:
        return
    if visitor.role != "admin":
        ui.add_css(LINKS_OF_A_READER)
    with ui.element("form").props('method="post" action="/logout"').classes("flex items-baseline gap-2 self-center"):
        ui.label(f"{visitor.name} ({visitor.role})").classes("si-muted text-sm")
        if visitor.can_log_out:
            ui.button("Log out", color=None).props('flat dense no-caps type="submit"').classes("si-muted")


def heading(text: str, level: int = 2) -> TextElement:
    """A heading, so that a page can be read by its outline."""
    return TextElement(tag=f"h{level}", text=text)


def column() -> ui.element:
    """A column of cards within the grid of charts, so that a short card leaves no hole beside a long one."""
    return ui.element("div").classes("flex flex-col gap-4 min-w-0 no-wrap")


class Tile:
    """A figure with its name above and a comparison below."""

    def __init__(self, title: str) -> None:
        with ui.element("section").classes("si-card"):
            heading(title).classes("si-muted")
            self._figure = ui.label("…").classes("si-figure")
            self._note = ui.label("").classes("si-muted text-xs")

    def show(self, figure: str, note: str = "") -> None:
        self._figure.set_text(figure)
        self._note.set_text(note)


class ChartCard:
    """A chart, with its numbers in a fold-out table and as CSV."""

    def __init__(self, title: str, options: dict[str, object], csv: str, columns: dict[str, str], height: str) -> None:
        self.card = ui.element("section").classes("si-card min-w-0")
        with self.card:
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                self._title = heading(title)
                self._csv = csv_link(title, csv)
            self._said = ui.label("").classes("si-muted text-sm")
            self._empty = ui.label("").classes("si-muted py-6")
            self.chart = chart(title, options, height)
            with ui.expansion("Table").classes("w-full si-muted text-sm").props("dense"):
                self.table = NamedTable(title, columns)

    def show(self, changes: dict[str, object], rows: pl.DataFrame, csv: str, empty: str) -> None:
        """Put `changes` into the chart's options; `empty` is the text shown if there are no rows."""
        self._empty.set_text("" if rows.height else empty)
        self._empty.set_visibility(not rows.height)
        self.chart.set_visibility(rows.height > 0)
        self.chart.options.update(changes)
        self.chart.update()
        self.table.show(rows, empty)
        self._csv.props(f'href="{csv}"')

    def rename(self, title: str) -> None:
        self._title.set_text(title)

    def say(self, text: str) -> None:
        """Show what the chart says, in a sentence above it, which also stands for it where it can't be seen."""
        self._said.set_text(text)
        self.chart.props["aria-label"] = f"{self._title.text}. {text}"


class NamedTable:
    """A table that the keyboard can scroll. `title` is its name where it can't be seen."""

    def __init__(self, title: str, columns: dict[str, str]) -> None:
        names = [
            {"name": key, "label": label, "field": key, "align": "left" if key in _WORDS else "right"}
            for key, label in columns.items()
        ]
        with ui.element("div").classes("si-scroll min-w-0").props("tabindex=0 role=region") as scrolled:
            scrolled.props["aria-label"] = f"Table: {title}"
            self.table = ui.table(rows=[], columns=names).classes("w-full bg-transparent")
            self.table.props('dense flat no-data-label="…"')

    def show(self, frame: pl.DataFrame, empty: str) -> None:
        """Show the rows, or what `empty` says where there are none."""
        self.table.rows = _as_rows(frame)
        self.table.props["no-data-label"] = empty


class TableCard:
    """A table under a title, with a link to its CSV. The cells of the column `product` lead to the product's page."""

    def __init__(self, title: str, columns: dict[str, str], product: str | None = None) -> None:
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                heading(title)
                self._csv = csv_link(title)
            self._table = NamedTable(title, columns)
            if product:
                self._table.table.add_slot(f"body-cell-{product}", _PRODUCT)

    def show(self, frame: pl.DataFrame, csv: str, empty: str = "nothing") -> None:
        """Show the rows, or what `empty` says where there are none."""
        self._table.show(frame, empty)
        self._csv.props(f'href="{csv}"')


def _as_rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Rows for a table on a page: every value as text, times to the second, counts and money with separators."""
    rows = frame.iter_rows(named=True)
    return [{name: _as_text(value, name not in _WORDS) for name, value in row.items()} for row in rows]


def _as_text(value: object, counts: bool) -> str:
    if isinstance(value, datetime):
        # A narrow table may put the time below the day, and breaks neither.
        return f"{value:%d\u00a0%b\u00a0%Y %H:%M:%S}"
    if counts and isinstance(value, int | Decimal):
        return f"{value:,}"
    return "" if value is None else str(value)


def chart(title: str, options: dict[str, object], height: str) -> ui.echart:
    """A chart drawn as SVG, so that the page's style colours its text and a wall sees it sharp."""
    drawn = ui.echart(options, renderer="svg").style(f"height: {height}").classes("w-full si-chart")
    drawn.props["role"], drawn.props["aria-label"] = "img", f"{title}. The table below has the numbers."
    return drawn


def plain_tip(text: str) -> str:
    """Text that a chart's tooltip takes as it is: braces would be its own marks."""
    return text.replace("{", "(").replace("}", ")")[:300]


def csv_link(title: str, address: str = "") -> ui.link:
    """A link to the numbers of what has this title."""
    link = ui.link("CSV", address).classes("text-sm")
    link.props["aria-label"] = f"CSV: {title}"
    return link


def columns_over_time() -> dict:
    """Options of a chart of revenue over time."""
    return {
        "grid": {"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        "tooltip": {**PLAIN_TIP, "trigger": "axis"},
        "useUTC": True,
        "xAxis": {
            "type": "time",
            "containShape": False,
            "axisLabel": {"color": GREY, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": GREY}},
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": GREY},
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.2}},
        },
        "series": [{"type": "bar", "name": "Revenue", "data": [], "itemStyle": {"color": ACCENT}, "barMaxWidth": 26}],
    }


class FreshnessPill:
    """How old the newest sale is, and whether that is good."""

    def __init__(self) -> None:
        self._label = ui.label("…").classes("si-pill si-warn")

    def show(self, board: Board) -> None:
        text, kind = _freshness(board, board.clock())
        self._label.set_text(text)
        self._label.classes(replace=f"si-pill si-{kind}")


def _freshness(board: Board, now: datetime) -> tuple[str, str]:
    """What the pill says about the data's age, and whether that is good, warn or bad."""
    if board.error:
        return f"The lake could not be read for {spoken(now - (board.looked_at or now))}: {board.error[:120]}", "bad"
    if board.last_payment is None:
        return ("Nothing was sold yet" if board.is_ready else "Looking at the lake …"), "warn"
    age = now - board.last_payment
    if age > QUIET:
        return f"No sale for {spoken(age)}", "bad"
    return f"Live: the last sale came {spoken(age)} ago", "good"


def spoken(age: timedelta) -> str:
    """An age as people say it: 12 s, 5 min, 3 h, 4 days."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
