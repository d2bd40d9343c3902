"""The card of the cohorts: who came back month by month, as a heat map that is a table.

Add here: how cohorts look. Not here: what a cohort is (`assets.visitors.cohort_retention`).
"""

from collections.abc import Iterator
from datetime import date

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.parts import csv_link

ACTIVITIES = {"purchase": "Bought", "cart": "Put in a cart", "view": "Viewed", "any": "Any of these"}

COHORTS = 13
"""So many months are shown: the newest ones."""


class RetentionCard:
    """The share of each cohort that was active in each month since, for the activity that is chosen."""

    def __init__(self) -> None:
        self._shown: tuple[pl.DataFrame, str] | None = None
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Who came back, by month of the first time", terms.RETENTION)
                csv_link("Who came back", "/api/customers/retention?format=csv")
            self._activity = ui.toggle(ACTIVITIES, value="purchase", on_change=self._draw)
            self._activity.props(
                "no-caps unelevated dense padding='2px 12px' role=group aria-label='What counts as being active'"
            )
            ui.label("Per cent of them who were active so many months later").classes("si-muted text-sm pt-2")
            self._empty = ui.label("").classes("si-muted py-6")
            with ui.element("div").classes("si-scroll pt-2").props("tabindex=0 role=region") as scrolled:
                scrolled.props["aria-label"] = "Table: Who came back"
                self._map = ui.html("", sanitize=False)

    def show(self, retention: pl.DataFrame, empty: str) -> None:
        """Show gold/cohort_retention, or what `empty` says where it has no rows."""
        self._shown = retention, empty
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        retention, empty = self._shown
        rows = retention.filter(pl.col("activity") == self._activity.value)
        self._empty.set_text(empty or "Nobody has done this yet.")
        self._empty.set_visibility(rows.is_empty())
        self._map.set_content(heat_map(rows))


def heat_map(rows: pl.DataFrame) -> str:
    """The rows of one activity as an HTML table: a row per cohort, a column per month since; numbers and dates alone.

    Colours are relative to the largest share after the first month.
    """
    if rows.is_empty():
        return ""
    cohorts = sorted(rows["cohort"].unique(), reverse=True)[:COHORTS]
    shown = rows.filter(pl.col("cohort").is_in(cohorts), pl.col("months_since") > 0)
    last = max(shown["months_since"], default=0)
    most = max(shown["retention"], default=0.0) or 1.0
    running = rows["month"].max()
    head = "".join(f'<th scope="col">{_after(month)}</th>' for month in range(1, last + 1))
    body = "".join(_row(rows.filter(pl.col("cohort") == cohort), cohort, last, most, running) for cohort in cohorts)
    title = '<caption class="si-hidden">Share of each cohort that was active in each month since</caption>'
    return (
        f'<table class="si-heat">{title}<thead><tr><th scope="row">First in</th><th scope="col">People</th>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )


def _after(month: int) -> str:
    return f'<span title="{month} months after the first">+{month}</span>'


def _row(rows: pl.DataFrame, cohort: date, last: int, most: float, running: object) -> str:
    held = {row["months_since"]: row for row in rows.to_dicts()}
    people = next(iter(held.values()))["cohort_users"]
    cells = "".join(_cells(held, last, most, running))
    return f'<tr><th scope="row">{cohort:%b %Y}</th><td>{people:,}</td>{cells}</tr>'


def _cells(held: dict[int, dict[str, object]], last: int, most: float, running: object) -> Iterator[str]:
    for month in range(1, last + 1):
        row = held.get(month)
        if row is None:
            yield "<td></td>"
            continue
        share = float(str(row["retention"]))
        so_far = " so far" if row["month"] == running else ""
        told = (
            f"{row['users']:,} of {row['cohort_users']:,} in {row['month']:%b %Y}{so_far}; revenue {row['revenue']:,}"
        )
        kind = "si-held si-open" if so_far else "si-held"
        yield f'<td class="{kind}" style="--s:{share / most:.3f}" title="{told}">{100 * share:.1f} %</td>'
