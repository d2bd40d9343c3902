"""The card of the segments: what each means, how many are in it and since when, and who they are as CSV.

Add here: how segments look. Not here: what a segment is (`assets.customers.segment_rules`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import quote

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import csv_link
from salesinsights_dagster.dashboard.trend_tile import spark_path

MONTHS = 13
"""The trend is of so many months: a year, and now."""

_BODY = """
<q-tr :props="props">
  <q-td key="segment" :props="props" class="si-what">
    <div class="si-name">{{ props.row.segment }}</div>
    <div class="si-muted">{{ props.row.definition }}</div>
    <div>{{ props.row.action }}</div>
  </q-td>
  <q-td key="customers" :props="props"><div class="si-label si-muted">Customers</div>
    {{ props.row.customers }} <span class="si-muted">{{ props.row.share }}</span>
    <div class="si-bar"><div :class="props.row.gone" :style="{width: props.row.width}"></div></div>
  </q-td>
  <q-td key="trend" :props="props"><div class="si-label si-muted">{{ props.row.since }}</div>
    <svg class="si-line" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path :d="props.row.path" fill="none" stroke="currentColor" stroke-width="1.5"
            vector-effect="non-scaling-stroke"/></svg>
    <div><span v-if="props.row.change" class="si-pill" :class="props.row.kind">{{ props.row.change }}</span></div>
  </q-td>
  <q-td key="revenue" :props="props"><div class="si-label si-muted">Revenue so far</div>
    {{ props.row.revenue }}<div class="si-muted">{{ props.row.revenue_share }}</div>
  </q-td>
  <q-td key="expected" :props="props"><div class="si-label si-muted">{{ props.row.horizon }}</div>
    {{ props.row.expected }}<div class="si-muted">{{ props.row.interval }}</div>
  </q-td>
  <q-td key="export" :props="props">
    <a class="nicegui-link" :href="props.row.csv" :aria-label="'CSV: customers of ' + props.row.segment">CSV</a>
  </q-td>
</q-tr>
"""
_HEAD = '<q-th :props="props" :title="props.col.about">{{ props.col.label }}</q-th>'


class SegmentsCard:
    """A row per segment, in the order of the file of segments."""

    def __init__(self) -> None:
        with ui.element("section").classes("si-card w-full min-w-0 si-segments"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Segments", terms.SEGMENTS)
                csv_link("Segments by month", "/api/customers/segment_months?format=csv")
            self._said = ui.label("").classes("si-muted text-sm")
            with ui.element("div").classes("si-scroll").props("tabindex=0 role=region aria-label='Table: Segments'"):
                self._table = ui.table(rows=[], columns=_columns("")).classes("w-full bg-transparent")
                self._table.props('dense flat no-data-label="…"')
                self._table.add_slot("body", _BODY)
                self._table.add_slot("header-cell", _HEAD)

    def show(self, found: Customers, empty: str) -> None:
        """Show the newest month's segments, or what `empty` says where there are none."""
        months = found.segment_months
        before = end_before(months)
        self._said.set_text(_said(found, f"{before:%d %b %Y}" if before else ""))
        self._table.props["no-data-label"] = empty
        self._table.columns = _columns(_horizon(found))
        self._table.rows = list(segment_rows(found))
        self._table.update()


def known_months(months: pl.DataFrame) -> list[date]:
    """The months of which gold/segments tells, the newest last."""
    return sorted(months.drop_nulls("as_of")["month"].unique())


def end_before(months: pl.DataFrame) -> date | None:
    """The end of the month before the newest one; None if that is the first."""
    known = known_months(months)
    return known[-1] - timedelta(days=1) if len(known) > 1 else None


def customers_by_month(months: pl.DataFrame) -> list[int]:
    """How many customers these rows have at the end of each month; the newest is last."""
    return (
        months.drop_nulls("as_of").group_by("month").agg(pl.col("customers").sum()).sort("month")["customers"].to_list()
    )


def segment_rows(found: Customers) -> Iterator[dict[str, str]]:
    """The rows of the table: each figure as text."""
    months = found.segment_months.drop_nulls("as_of")
    known, before = known_months(months), end_before(months)
    if not known:
        return
    expected = {row["name"]: row for row in found.expected("segment", min(found.horizons, default=0)).to_dicts()}
    for row in months.filter(pl.col("month") == known[-1]).sort("position").iter_rows(named=True):
        course = _course(months, known[-MONTHS:], row["segment"])
        change = course[-1] - course[-2] if len(course) > 1 else 0
        own = expected.get(row["segment"])
        yield {
            "segment": row["segment"],
            "definition": row["definition"],
            "action": row["action"],
            "customers": f"{row['customers']:,}",
            "share": _percent(row["share"]),
            "width": f"{100 * (row['share'] or 0):.1f}%",
            "gone": "" if row["is_active"] else "si-gone",
            "path": spark_path([float(number) for number in course]),
            "change": f"{'▲' if change > 0 else '▼'} {abs(change):,}" if change else "",
            "kind": "si-good" if (change > 0) == row["is_active"] else "si-bad",
            "since": f"Since {before:%d %b}" if before else "Trend",
            "revenue": f"{row['revenue']:,.0f}",
            "revenue_share": _percent(row["revenue_share"]),
            "horizon": _horizon(found),
            "expected": _money(own, "revenue") if row["customers"] else "0",
            "interval": ""
            if own is None or own["revenue_low"] is None
            else f"{_money(own, 'revenue_low')} to {_money(own, 'revenue_high')}",
            "csv": f"/api/customers/members?segment={quote(row['segment'])}&format=csv",
        }


def _course(months: pl.DataFrame, known: list[date], segment: str) -> list[int]:
    """Customers of a segment at each end of a month; none where the segment did not exist."""
    held = dict(months.filter(pl.col("segment") == segment).select("month", "customers").iter_rows())
    return [held.get(month, 0) for month in known]


def _columns(horizon: str) -> list[dict[str, str]]:
    labels = {
        "segment": "Segment: who, and what to do",
        "customers": "Customers",
        "trend": "Trend",
        "revenue": "Revenue so far",
        "expected": horizon or "Expected",
        "export": "Export",
    }
    return [
        {
            "name": name,
            "label": label,
            "field": name,
            "align": "left" if name in ("segment", "trend") else "right",
            "about": terms.COLUMNS[name],
        }
        for name, label in labels.items()
    ]


def _horizon(found: Customers) -> str:
    return f"Expected in {min(found.horizons)} days" if found.horizons else "Expected"


def _said(found: Customers, before: str) -> str:
    if found.as_of is None or found.segment_months.is_empty():
        return ""
    told = f"As of {found.as_of:%d %b %Y}. "
    told += f"▲ and ▼ are since {before}." if before else "A trend shows from the second month on."
    return f"{told} Nothing is expected: {found.why}." if found.why else told


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _money(row: dict[str, object] | None, name: str) -> str:
    value = None if row is None else row[name]
    return "not known" if value is None else f"{value:,.0f}"
