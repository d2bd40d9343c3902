"""A busy day of silver, written directly, since streaming it would take hours.

Its visits last a few minutes, and follow the hours and the skew of the published data set.
Add here: how the events are made. Not here: what is measured on them (`visitors`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from assets.progress.batches import BATCH
from assets.tables import SILVER_EVENTS
from resources.lake import Lake

DAY = date(2020, 3, 1)
BATCH_SECONDS = 30
EVENTS_A_VISIT, VISITS_A_USER = 4.6, 1.3
PRODUCTS, BRANDS, CATEGORIES = 54_043, 270, 500
BY_HOUR = (
    *(90, 77, 85, 122, 182, 274, 377, 455, 503, 529, 558, 575),
    *(583, 560, 525, 503, 517, 561, 607, 641, 575, 389, 234, 136),
)
"""Views by UTC hour in the published data set, in thousands."""

_KINDS, _SHARES = ["view", "cart", "remove_from_cart", "purchase"], [0.46, 0.29, 0.19, 0.06]
_HOUR = 3_600


@dataclass(frozen=True)
class BusyDay:
    """About `events` events of one UTC day; the `last` newest ones are kept back for a refresh to take in."""

    events: int
    last: int
    day: date = DAY

    def fill(self, lake: Lake) -> pl.DataFrame:
        """Write the day to silver, one commit per hour; the events that were kept back, as one later batch."""
        midnight = datetime.combine(self.day, datetime.min.time(), UTC)
        carried, chance = pl.DataFrame(schema=SILVER_EVENTS.schema), np.random.default_rng(1)
        for hour in range(24):
            made = pl.concat([carried, self._visits(chance, hour)])
            end = midnight + timedelta(hours=hour + 1)
            carried = made.filter(pl.col("event_time") >= end) if hour < 23 else made.sort("event_time").tail(self.last)
            due = made.filter(pl.col("event_time") < end) if hour < 23 else made.sort("event_time").head(-self.last)
            number = (hour + 1) * _HOUR // BATCH_SECONDS
            lake.table(SILVER_EVENTS).append(due.sort("batch"), {BATCH: number})
        return carried.with_columns(
            batch=pl.lit(24 * _HOUR // BATCH_SECONDS + 1, pl.Int64), ingested_at=pl.lit(midnight + timedelta(days=1))
        )

    def _visits(self, chance: np.random.Generator, hour: int) -> pl.DataFrame:
        """The events of the visits that begin in an hour, up to midnight."""
        visits = max(1, int(self.events / EVENTS_A_VISIT * BY_HOUR[hour] / sum(BY_HOUR)))
        users = max(1, int(self.events / EVENTS_A_VISIT / VISITS_A_USER))
        lengths = chance.geometric(1 / EVENTS_A_VISIT, visits)
        user = np.repeat((users * chance.random(visits) ** 1.5).astype(np.int64), lengths)
        visit = np.repeat(np.arange(visits) + hour * 10**9, lengths)
        pauses = chance.exponential(60, lengths.sum())
        since = np.cumsum(pauses)
        first = np.cumsum(lengths) - lengths
        begun = np.repeat(hour * _HOUR + chance.random(visits) * _HOUR - since[first], lengths)
        seconds = begun + since
        product = (PRODUCTS * chance.random(len(user)) ** 2.5).astype(np.int64)
        rows = pl.DataFrame({"user_id": 400_000_000 + user, "visit": visit, "seconds": seconds, "product_id": product})
        kinds = pl.Series(_KINDS)[chance.choice(4, len(user), p=_SHARES)]
        return self._shaped(rows.with_columns(event_type=kinds).filter(pl.col("seconds") < 24 * _HOUR))

    def _shaped(self, rows: pl.DataFrame) -> pl.DataFrame:
        moment = pl.lit(self.day).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds=pl.col("seconds").cast(pl.Int64))
        batch = pl.col("seconds").cast(pl.Int64) // BATCH_SECONDS + 1
        brand = pl.col("product_id") % (2 * BRANDS)
        known = rows.with_columns(
            event_time=moment,
            batch=batch,
            ingested_at=pl.lit(self.day).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds=batch * BATCH_SECONDS),
            category_id=1_487_580_000_000_000_000 + pl.col("product_id") % CATEGORIES,
            brand=pl.when(brand < BRANDS).then(pl.format("brand {}", brand)),
            price=(pl.col("product_id") % 3_000 + 50).cast(pl.Decimal(14, 2)) / 100,
            user_session=pl.format("{}-{}", pl.col("visit").hash(1), pl.col("visit")),
            offset=pl.int_range(pl.len()),
            source=pl.lit("shop.events"),
            partition=pl.lit(0),
            event_date=pl.lit(self.day),
        )
        missing = [pl.lit(None, kind).alias(name) for name, kind in SILVER_EVENTS.schema.items() if name not in known]
        return known.with_columns(missing).select(SILVER_EVENTS.schema.names()).cast(SILVER_EVENTS.schema)
