"""The page for whoever runs the stream: lag, batches, refusals, checks, sizes.

Add here: what this page shows. Not here: how it is found (`stream_health`).
"""

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.parts import FreshnessPill, TableCard, Tile, column, page_frame, spoken
from salesinsights_dagster.dashboard.stream_health import QUARANTINE_DAYS, HealthWatch, StreamHealth

_LAG = {"partition": "Partition", "committed": "In the lake up to", "end": "Kafka's end", "lag": "Lag", "lost": "Lost"}
_BATCHES = {
    "batch": "Batch",
    "ingested_at": "Read at (UTC)",
    "messages": "Messages",
    "accepted": "Accepted",
    "quarantined": "Quarantined",
    "duplicates": "Duplicates",
}
_REASONS = {"reason": "Reason", "messages": "Messages", "last_at": "Last at (UTC)"}
_MONTHS = {
    "month": "Month",
    "file": "File",
    "lines": "Lines",
    "accepted": "Accepted",
    "quarantined": "Quarantined",
    "duplicates": "Duplicates",
    "ingested_at": "Loaded at (UTC)",
}
_CHECKS = {"check": "Check", "table": "Table", "state": "State", "checked_at": "Checked at (UTC)"}
_STAGES = {"stage": "Stage", "seconds": "Seconds"}
_SIZES = {"table": "Table", "rows": "Rows", "files": "Files", "bytes": "Bytes"}

_EMPTY = {
    "lag": "Nothing is known: Kafka does not answer, or the topic does not exist.",
    "batches": "No batch was read yet.",
    "reasons": f"Nothing was refused in {QUARANTINE_DAYS} days.",
    "months": "No month of history was loaded.",
    "checks": "Dagster has not checked yet.",
    "stages": "Dagster has not told of a batch yet.",
    "sizes": "There is no table yet.",
}
"""What a table without rows says."""


class HealthPage:
    """One open page. It looks every second."""

    def __init__(self, board: Board, watch: HealthWatch, theme: str | None) -> None:
        self._board, self._watch = board, watch
        self._shown: StreamHealth | None = None
        with page_frame("Health", theme):
            with ui.row().classes("w-full items-center gap-3"):
                self._fresh = FreshnessPill()
                self._kafka = ui.label("Asking Kafka …").classes("si-pill si-warn").style("white-space: normal")
            with ui.element("div").classes("si-grid si-tiles"):
                self._lag, self._last = Tile("Lag"), Tile("Last batch")
                self._checks = Tile("Checks")
                self._refused, self._wait = (
                    Tile(f"Quarantined in {QUARANTINE_DAYS} days"),
                    Tile("Data delay, slowest 5 %"),
                )
            with ui.element("div").classes("si-grid si-charts"):
                with column():
                    self._tables = {
                        "lag": TableCard("Kafka, by partition", _LAG),
                        "reasons": TableCard(f"Quarantine of {QUARANTINE_DAYS} days, by reason", _REASONS),
                        "months": TableCard("History, by month", _MONTHS),
                        "stages": TableCard("Last run, by stage", _STAGES),
                        "sizes": TableCard("Tables of the lake", _SIZES),
                    }
                with column():
                    self._tables["checks"] = TableCard("Checks, newest results", _CHECKS)
                    self._tables["batches"] = TableCard("Newest batches", _BATCHES)
        ui.timer(1.0, self.refresh)

    def refresh(self) -> None:
        """Show what was found last, and how old it is."""
        now, found = self._board.clock(), self._watch.newest
        self._fresh.show(self._board)
        if found is None:
            return
        last = found.batches["ingested_at"][0] if found.batches.height else None
        self._last.show(*(("none yet", "nothing was read") if last is None else (spoken(now - last), "ago")))
        if found is not self._shown:
            self._shown = found
            self._show(found)

    def _show(self, found: StreamHealth) -> None:
        fault = found.error or found.loss
        self._kafka.set_text(fault or f"Kafka answers, {found.lag.height} partitions")
        self._kafka.classes(replace="si-pill " + ("si-bad" if fault else "si-good"))
        self._lag.show(*_lag_said(found))
        refused = int(found.reasons["messages"].sum()) if found.reasons.height else 0
        self._refused.show(f"{refused:,}", "salesinsights quarantine list")
        figures = self._board.latency.figures()
        delay = f"{figures['p95']:.1f} s" if "p95" in figures else "not known"
        self._wait.show(delay, f"{figures['purchases']:,} payments in the last hour")
        failed = found.checks.filter(pl.col("state") == "failed").height
        self._checks.show(
            f"{failed} failed" if failed else "all passed" if found.checks.height else "none yet", _said(found)
        )
        for name, card in self._tables.items():
            frame: pl.DataFrame = getattr(found, name)
            if name == "months" and frame.height:
                frame = frame.with_columns(pl.col("month").dt.strftime("%b\u00a0%Y"))
            card.show(frame, f"/api/health/{name}?format=csv", _EMPTY[name])


def _lag_said(found: StreamHealth) -> tuple[str, str]:
    if found.lag.height:
        return f"{found.lag['lag'].sum():,}", "messages, all partitions"
    if found.kafka_answers:
        return "not known", "the topic has no partition"
    return "not known", "the lake can't be read" if found.kafka_answers is None else "Kafka does not answer"


def _said(found: StreamHealth) -> str:
    return f"{found.checks.height} checks, in Dagster" if found.checks.height else "Dagster has not checked yet"
