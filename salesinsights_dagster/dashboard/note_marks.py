"""Notes on a chart over time: a pin above it whose text shows on hover, a line below the pin, a band for a time.

Add here: how notes are drawn or said. Not here: which notes there are (`known_notes`).
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from salesinsights_dagster.dashboard.parts import plain_tip
from salesinsights_dagster.dashboard.shop_days import clock_ms

COLOUR = "#12877b"
PIN_Y, TOP = 40, 52
"""Pixels from the chart's upper edge: of the pins, and of the plot where there are pins.

Pins stand above the plot: inside it the chart shows what was sold at the mouse's time, and no single mark's text.
"""


def note_marks(notes: pl.DataFrame, axis: dict[str, object], zone: ZoneInfo) -> dict[str, object]:
    """A series without points that marks the notes, on a time axis with these ends (`min`, `max`, as `clock_ms`)."""
    low, high = int(str(axis["min"])), int(str(axis["max"]))
    pins, lines, bands = [], [], []
    for note in notes.iter_rows(named=True):
        begin = min(max(clock_ms(note["starts_at"], zone), low), high)
        tip = {"trigger": "item", "formatter": plain_tip(said_note(note, zone))}
        pins.append({"xAxis": begin, "y": PIN_Y, "tooltip": tip})
        lines.append({"xAxis": begin})
        if note["ends_at"] is not None:
            bands.append([{"xAxis": begin}, {"xAxis": min(max(clock_ms(note["ends_at"], zone), low), high)}])
    plain = {"label": {"show": False}}
    line = {"color": COLOUR, "type": "solid", "width": 1}
    return {
        "type": "line",
        "name": "Notes",
        "data": [],
        "color": COLOUR,
        "markPoint": {**plain, "symbol": "pin", "symbolSize": 22, "itemStyle": {"color": COLOUR}, "data": pins},
        "markLine": {**plain, "silent": True, "symbol": "none", "lineStyle": line, "data": lines},
        "markArea": {**plain, "silent": True, "itemStyle": {"color": COLOUR, "opacity": 0.12}, "data": bands},
    }


def said_note(note: dict[str, object], zone: ZoneInfo) -> str:
    """A note with its time, by the clocks of a zone, and its author."""
    author = f" ({note['author']})" if note["author"] else ""
    return f"{said_time(note['starts_at'], note['ends_at'], zone)}: {note['text']}{author}"


def said_time(starts_at: object, ends_at: object, zone: ZoneInfo) -> str:
    """When a note's time is: 27 Nov 2026 08:00, or from then to its end."""
    begin, end = (moment.astimezone(zone) if isinstance(moment, datetime) else None for moment in (starts_at, ends_at))
    if end is None:
        return f"{begin:%d %b %Y %H:%M}"
    return f"{begin:%d %b %Y %H:%M} to {end:%d %b %Y %H:%M}"
