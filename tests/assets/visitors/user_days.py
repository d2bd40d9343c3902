"""Rows of user_days and of sessions, written by hand.

Add here: how tests write them. Not here: what is computed from them.
"""

from datetime import date

import polars as pl

from assets.tables import SESSIONS, USER_DAYS


def days(*lived: tuple[int, date, str]) -> pl.DataFrame:
    """Per user and day, what they did: letters for view, cart and purchase (of 2.50)."""
    return _rows(USER_DAYS.schema, [{"user_id": user, "event_date": day, **counted(did)} for user, day, did in lived])


def sessions(*begun: tuple[int, date]) -> pl.DataFrame:
    """A session of each user on the day on which it began."""
    return _rows(SESSIONS.schema, [{"user_id": user, "event_date": day} for user, day in begun])


def _rows(shape: pl.Schema, wanted: list[dict[str, object]]) -> pl.DataFrame:
    missing = [pl.lit(None, kind).alias(name) for name, kind in shape.items() if name not in wanted[0]]
    return pl.DataFrame(wanted).with_columns(missing).select(shape.names()).cast(shape)


def counted(did: str) -> dict[str, float]:
    done = {name: did.count(letter) for name, letter in (("views", "v"), ("carts", "c"), ("purchases", "p"))}
    return {**done, "revenue": 2.5 * done["purchases"]}
