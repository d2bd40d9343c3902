"""What certainly good fields look like: the quick ways of both parsers read only those, and the rules judge the others.

Whatever passes here, the rules accept too, with the same values. Add here: a shape that both formats share. Not here:
the rules (`message_parser`).
"""

from typing import Any

import polars as pl

from assets.events.contract import AHEAD_OF_KAFKA, EARLIEST, LONGEST_TEXT, TEXTS

DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME_OF_DAY = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
EVENT_TYPE = "view|cart|remove_from_cart|purchase"
INTEGER = "0|[1-9][0-9]*"
"""The largest of them do not fit in 64 bits: a cast finds those. An expression that counted the digits would be slower
to match."""
PRICE = r"-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,2})?"


def only_where(holds: pl.Series, *those: Any) -> tuple[Any, ...]:
    """The frames and series filtered by `holds`; unchanged, without a copy, where it holds everywhere."""
    return those if holds.all() else tuple(one.filter(holds) for one in those)


def in_range(clock: str) -> pl.Expr:
    """Whether the event's time is possible, seen from the column `clock`, and no text is too long."""
    in_time = pl.col("event_time").is_between(pl.lit(EARLIEST), pl.col(clock) + AHEAD_OF_KAFKA)
    short = [pl.col(name).str.len_bytes().fill_null(0) <= LONGEST_TEXT for name in TEXTS]
    return pl.all_horizontal(in_time, *short).fill_null(value=False)
