"""Live traffic: the shop's events as they happen, as JSON messages handed to a publisher.

Add here: pacing, and the JSON form of an event.
Not here: what happens in the shop (`shop`), Kafka (`publisher`), options and the status line (`commands`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event

import polars as pl

from salesinsights_dagster.simulator.shop import Shop

Publish = Callable[[list[bytes], list[bytes]], object]

SLICE_SECONDS = 0.25
LONGEST_SLICE = timedelta(seconds=5)
CATCH_UP = timedelta(minutes=10)

NUMBERS = ("product_id", "category_id", "price", "user_id")
ESCAPES = {'"': '\\"', "\\": "\\\\", **{chr(code): f"\\u{code:04x}" for code in range(32)}}


def run_live(
    shop: Shop,
    publish: Publish,
    clock: Callable[[], datetime],
    rate: float,
    stop: Event,
    *,
    seconds: float | None = None,
    report: Callable[[int], object] = lambda events: None,
) -> int:
    """Publish `rate` events a second until `stop` is set or `seconds` have passed; return their number.

    Every slice reaches from the end of the one before to the present, so a slow publisher or a stall delays events
    but loses none. After a stall longer than CATCH_UP (a laptop asleep), only its last CATCH_UP is made up for.
    `report` is told the number of events so far after each slice. All waiting is done by `stop.wait`.
    """
    position = clock()
    end = None if seconds is None else position + timedelta(seconds=seconds)
    events = 0
    while not stop.is_set() and (end is None or position < end):
        stop.wait(SLICE_SECONDS)
        now = clock() if end is None else min(clock(), end)
        for begin, until in _slices(max(position, now - CATCH_UP), now):
            keys, values = encode(shop.live(begin, (until - begin).total_seconds(), rate))
            publish(keys, values)
            events, position = events + len(values), until
            report(events)
            if stop.is_set():
                break
    return events


def _slices(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while begin < end:
        until = min(begin + LONGEST_SLICE, end)
        yield begin, until
        begin = until


def encode(frame: pl.DataFrame) -> tuple[list[bytes], list[bytes]]:
    """The Kafka keys (the user id's digits) and values (one JSON object per event) of an EVENT frame.

    Numbers are written from their exact text, never through a float; an absent value is null.
    """
    fields = [pl.concat_str(pl.lit(f'"{name}":'), _json(name)) for name in frame.columns]
    value = pl.concat_str(pl.lit("{"), pl.concat_str(fields, separator=","), pl.lit("}"))
    messages = frame.select(
        key=pl.col("user_id").cast(pl.String).cast(pl.Binary),
        value=value.cast(pl.Binary),
    )
    return messages["key"].to_list(), messages["value"].to_list()


def _json(name: str) -> pl.Expr:
    if name == "event_time":
        return pl.col(name).dt.strftime('"%Y-%m-%dT%H:%M:%S%.6f+00:00"')
    if name in NUMBERS:
        return pl.col(name).cast(pl.String).fill_null("null")
    escaped = pl.col(name).str.replace_many(list(ESCAPES), list(ESCAPES.values()))
    return pl.concat_str(pl.lit('"'), escaped, pl.lit('"')).fill_null("null")
