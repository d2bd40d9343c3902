"""The figures at the top of the Customers page, each with what it means and what it was before.

Add here: how such a figure looks. Not here: which figures there are (`pages`).
"""

from collections.abc import Sequence
from decimal import Decimal

from nicegui import ui

from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.trend_tile import SPARK, said_change, spark_path

UNKNOWN = "\u2013"
"""Stands for a figure that is not known; the note says why."""


class DefinedTile:
    """A figure with its name and definition above, its change beside its course, and the time before below."""

    def __init__(self, title: str, about: str, *, more_is_good: bool = True) -> None:
        self._more_is_good = more_is_good
        with ui.element("section").classes("si-card si-trend"):
            self._title = defined_heading(title, about, "si-muted")
            self._figure = ui.label("…").classes("si-figure")
            self._row = ui.element("div").classes("si-change")
            with self._row:
                self._change = ui.label("").classes("si-pill si-even")
                self._spark = ui.html("", sanitize=False).classes("si-spark")
            self._note = ui.label("").classes("si-muted text-xs")

    def show(self, figure: str, note: str, change: Decimal | None = None, course: Sequence[float] = ()) -> None:
        """`change` is in per cent, None where it can't be said; `note` tells of the time before, or why it can't."""
        self._figure.set_text(figure)
        self._note.set_text(note)
        self._change.set_text("" if change is None else said_change(change))
        is_good = change is not None and (change > 0) == self._more_is_good
        self._change.classes(
            remove="si-good si-bad si-even", add="si-even" if not change else "si-good" if is_good else "si-bad"
        )
        self._change.set_visibility(change is not None)
        self._spark.set_content(SPARK.format(path=spark_path(course)) if len(course) > 1 else "")
        self._row.set_visibility(change is not None or len(course) > 1)


def change_of(now: int, before: int | None) -> Decimal | None:
    """By how many per cent a number differs from an earlier one; None where that can't be said."""
    return (Decimal(100 * (now - before)) / before).quantize(Decimal("0.1")) if before else None
