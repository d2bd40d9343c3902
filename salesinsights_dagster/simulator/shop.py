"""The simulated shop: months of events in time order, and live traffic slice by slice.

Add here: when visits begin, and how drafts become frames of events.
Not here: what visits do (`visits`), files (`month_file`), clocks and Kafka (`live`, `publisher`).
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl

from assets.events.contract import EVENT
from salesinsights_dagster.simulator import calibration as real
from salesinsights_dagster.simulator.catalogue import Catalogue, Floats, Ints, build_catalogue
from salesinsights_dagster.simulator.people import Population, session_ids
from salesinsights_dagster.simulator.visits import DRAFT, SECOND, draft_visits

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VISITS_AT_ONCE = 50_000
LIVE_BLOCK = 10 * SECOND
WARM_UP = 60 * LIVE_BLOCK


class Shop:
    """A shop in which every event follows from the seed and the requested times.

    `month` keeps nothing between calls. `live` carries unfinished visits from slice to slice, so one shop serves
    one flow of live traffic.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._pending = DRAFT.to_frame()
        self._planned_to: int | None = None
        self._position: int | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        return build_catalogue(self.seed)

    def month(self, year: int, month: int, events: int) -> Iterator[pl.DataFrame]:
        """Exactly `events` events of a month in time order, one EVENT frame per day that has any; whole seconds.

        Holds about 30 bytes per event of the month, and one day's frame.
        """
        drafts = self._month_drafts(year, month, events)
        first = _micros(datetime(year, month, 1, tzinfo=UTC))
        days = [first + day * DAY for day in range(1, monthrange(year, month)[1])]
        cuts = [0, *drafts["time"].search_sorted(pl.Series(days), side="left").to_list(), len(drafts)]
        for low, high in pairwise(cuts):
            if high > low:
                yield self._present(drafts[low:high])

    def live(self, start: datetime, seconds: float, rate: float) -> pl.DataFrame:
        """The events of [start, start + seconds) in time order, `rate` a second on average, as an EVENT frame.

        A slice continues the visits of the slices before it; how time is cut into slices changes no event. Events
        that were due in a gap before `start` come at `start`. Raises ValueError if `start` is before the end of the
        last slice.
        """
        begin = _micros(start)
        end = begin + round(seconds * SECOND)
        if self._position is not None and begin < self._position:
            raise ValueError(f"live traffic runs forward: {start} is before the end of the last slice; use a new Shop")
        self._plan(begin, end, rate)
        self._position = end
        cut = int(self._pending["time"].search_sorted(end, side="left"))
        due, self._pending = self._pending[:cut], self._pending[cut:]
        return self._present(due.with_columns(pl.col("time").clip(lower_bound=begin)))

    def _month_drafts(self, year: int, month: int, events: int) -> pl.DataFrame:
        rng = np.random.default_rng([self.seed, 2, year, month])
        visits = max(1, round(events / real.EVENTS_PER_VISIT))
        people = Population(self.seed, _month_number(date(year, month, 1)), visits)
        slots, end = _month_slots(rng, year, month)
        blocks, missing = [DRAFT.to_frame()], events
        while missing:
            starts = _starts(rng, slots, min(VISITS_AT_ONCE, visits))
            block = draft_visits(rng, self.catalogue, people, starts, real.MONTH_PACE).filter(pl.col("time") < end)
            if len(block) > missing:  # keep whole visits, and a part of one: the mix stays
                block = block.sort("visit", "time", maintain_order=True).head(missing)
            blocks.append(block)
            missing -= len(block)
        return pl.concat(blocks).sort("time", maintain_order=True).with_columns(pl.col("time") // SECOND * SECOND)

    def _plan(self, begin: int, end: int, rate: float) -> None:
        """Draft the visits that begin before `end`, in blocks whose seed is the time at which they begin.

        The first call also drafts the visits under way at `begin`, so that purchases come from the first second on.
        """
        planned = begin - WARM_UP if self._planned_to is None else max(begin, self._planned_to)
        blocks = [self._pending]
        while planned < end:
            blocks.append(self._live_block(planned, rate).filter(pl.col("time") >= begin))
            planned += LIVE_BLOCK
        self._planned_to = planned
        if len(blocks) > 1:
            self._pending = pl.concat(blocks).sort("time", maintain_order=True)

    def _live_block(self, begin: int, rate: float) -> pl.DataFrame:
        rng = np.random.default_rng([self.seed, 3, begin])
        visits = rng.poisson(rate / real.EVENTS_PER_VISIT * LIVE_BLOCK / SECOND)
        month = _month_number(EPOCH + timedelta(microseconds=begin))
        people = Population(self.seed, month, real.LIVE_VISITS_A_MONTH)
        return draft_visits(rng, self.catalogue, people, begin + rng.integers(0, LIVE_BLOCK, visits), real.LIVE_PACE)

    def _present(self, drafts: pl.DataFrame) -> pl.DataFrame:
        row = drafts["row"].to_numpy().astype(np.int64)
        goods = self.catalogue.goods[row]
        columns = {
            "event_time": drafts["time"].cast(EVENT["event_time"]),
            "event_type": pl.Series(real.EVENT_TYPES).gather(drafts["kind"]),
            **goods.to_dict(),
            "price": self.catalogue.price_on(row, drafts["time"].to_numpy() // DAY),
            "user_id": drafts["user_id"],
            "user_session": session_ids(drafts["visit"].to_numpy()),
        }
        return pl.DataFrame(columns, schema=EVENT)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _month_number(day: date) -> int:
    return (day.year - real.OPENED) * 12 + day.month - 1


def _month_slots(rng: np.random.Generator, year: int, month: int) -> tuple[pl.DataFrame, int]:
    """The hours of a month with the cumulative share of its visits, and the month's end in microseconds."""
    days = monthrange(year, month)[1]
    busy = rng.normal(1.0, 0.08, days).clip(0.5, 1.5)
    weights = np.outer(busy, real.VIEWS_BY_UTC_HOUR).ravel()
    first = _micros(datetime(year, month, 1, tzinfo=UTC))
    hours = first + np.arange(days * 24) * HOUR
    return pl.DataFrame({"hour": hours, "share": np.cumsum(weights) / weights.sum()}), first + days * DAY


def _starts(rng: np.random.Generator, slots: pl.DataFrame, count: int) -> Ints:
    share: Floats = slots["share"].to_numpy()
    hour = np.searchsorted(share[:-1], rng.random(count), side="right")
    return slots["hour"].to_numpy()[hour] + rng.integers(0, HOUR, count)
