"""A figure on the Live page: what it is, how it changed, and its course as a small line.

Add here: what such a tile shows. Not here: which figures there are (`pages.live`).
"""

from collections.abc import Sequence
from decimal import Decimal

from nicegui import ui

from salesinsights_dagster.dashboard.parts import heading

_WIDTH, _HEIGHT = 100, 28

SPARK = (
    f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
    '<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg>'
)


class TrendTile:
    """A figure with its name above, its change and its course beside, and what it is compared with below."""

    def __init__(self, title: str) -> None:
        with ui.element("section").classes("si-card si-trend"):
            heading(title).classes("si-muted")
            self._figure = ui.label("…").classes("si-figure")
            with ui.element("div").classes("si-change"):
                self._change = ui.label("").classes("si-pill si-even")
                self._spark = ui.html("", sanitize=False).classes("si-spark")
            self._note = ui.label("").classes("si-muted text-xs")

    def show(self, figure: str, change: Decimal | None, note: str, course: Sequence[float]) -> None:
        """`change` is in per cent, None where it can't be said; `note` then says why."""
        self._figure.set_text(figure)
        self._change.set_text("" if change is None else said_change(change))
        # Not `replace`, which would also take away the class by which NiceGUI hides it.
        self._change.classes(remove="si-good si-bad si-even", add=f"si-{_kind(change)}")
        self._change.set_visibility(change is not None)
        self._note.set_text(note)
        self._spark.set_content(SPARK.format(path=spark_path(course)))


def said_change(change: Decimal) -> str:
    """A change in per cent with an arrow, so that it can be told without its colour."""
    arrow = "▲" if change > 0 else "▼" if change < 0 else "="
    return f"{arrow} {abs(change):,.1f} %" if abs(change) < 1_000 else f"{arrow} {abs(change):,.0f} %"


def _kind(change: Decimal | None) -> str:
    return "even" if not change else "good" if change > 0 else "bad"


def spark_path(course: Sequence[float]) -> str:
    """An SVG path through the values from left to right, from the lower edge (zero, or the least) to the upper one."""
    if len(course) < 2:
        return ""
    low, high = min(0.0, *course), max(*course)
    scale = (_HEIGHT - 2) / ((high - low) or 1)
    step = _WIDTH / (len(course) - 1)
    points = (f"{number * step:.1f} {_HEIGHT - 1 - (value - low) * scale:.1f}" for number, value in enumerate(course))
    return "M" + " L".join(points)
