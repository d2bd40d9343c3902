"""What happens during visits: which products are looked at, carted, removed and bought, and when.

A visit has items; an item is one product that may be viewed, carted, removed and bought. Everything is drawn for
all items of all visits at once, then spread out into one draft row per event.

Add here: behaviour during a visit.
Not here: who visits (`people`), what products are (`catalogue`), when visits begin (`shop`).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from salesinsights_dagster.simulator import calibration as real
from salesinsights_dagster.simulator.calibration import BUY, Pace
from salesinsights_dagster.simulator.catalogue import Catalogue, Flags, Floats, Ints
from salesinsights_dagster.simulator.people import Population

SECOND = 1_000_000
VIEW, CART, REMOVE, PURCHASE = range(4)
ANY_CATEGORY = -1

# One row per event: `time` in microseconds since 1970, `kind` an index into EVENT_TYPES, `row` one of the catalogue.
DRAFT = pl.Schema({"time": pl.Int64, "kind": pl.UInt8, "row": pl.Int32, "user_id": pl.Int64, "visit": pl.UInt64})


@dataclass(frozen=True)
class Visits:
    """One entry per visit: `start` in microseconds, `kind` an index into VISIT_KINDS, `visit` a random number."""

    start: Ints
    kind: Ints
    user_id: Ints
    visit: Ints
    category: Ints


@dataclass(frozen=True)
class Items:
    """One entry per item: `owner` is its visit's place in Visits, `seconds` counts from the visit's start."""

    owner: Ints
    first: Ints
    row: Ints
    seconds: Floats
    viewed: Flags
    carted: Flags
    removed: Flags
    bought: Flags


def draft_visits(
    rng: np.random.Generator, catalogue: Catalogue, people: Population, start: Ints, pace: Pace
) -> pl.DataFrame:
    """The events of the visits that begin at `start` (microseconds), as DRAFT rows in no particular order."""
    if not len(start):
        return DRAFT.to_frame()
    visits = _visits(rng, catalogue, people, start)
    items = _items(rng, catalogue, visits, pace)
    *others, purchases = _item_events(rng, visits, items, pace)
    vouchers = _voucher_events(rng, catalogue, purchases)
    cleared = _clearing_events(rng, catalogue, visits)
    return _stutter(rng, pl.concat([*others, purchases, vouchers, cleared]))


def _visits(rng: np.random.Generator, catalogue: Catalogue, people: Population, start: Ints) -> Visits:
    count = len(start)
    shares = np.cumsum([kind.share for kind in real.VISIT_KINDS])[:-1]
    kind = np.searchsorted(shares, rng.random(count), side="right")
    visit = rng.integers(1, 2**63, count)
    visit[rng.random(count) < real.SESSION_NULL_SHARE] = 0
    home = catalogue.pick(rng.random(count), np.zeros(count, dtype=bool), np.full(count, ANY_CATEGORY))
    return Visits(start, kind, people.visitors(rng, kind), visit, catalogue.category[home])


def _counts(rng: np.random.Generator, log_median: Floats, log_spread: Floats) -> Ints:
    count = np.exp(rng.normal(log_median, log_spread)).astype(np.int64) + 1
    return np.minimum(count, real.MOST_ITEMS)


def _of_kind(kind: Ints, trait: str) -> Floats:
    return np.array([getattr(entry, trait) for entry in real.VISIT_KINDS])[kind]


def _items(rng: np.random.Generator, catalogue: Catalogue, visits: Visits, pace: Pace) -> Items:
    counts = _counts(rng, _of_kind(visits.kind, "items_log_median"), _of_kind(visits.kind, "items_log_spread"))
    first = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    kind = visits.kind[owner]
    carted = rng.random(len(owner)) < _of_kind(kind, "carted")
    carted[first[visits.kind == BUY]] = True
    removed = carted & (rng.random(len(owner)) < _of_kind(kind, "removed"))
    stays = rng.random(len(owner)) < real.SAME_CATEGORY
    row = catalogue.pick(rng.random(len(owner)), carted, np.where(stays, visits.category[owner], ANY_CATEGORY))
    bought = (kind == BUY) & carted & ~removed & _first_of_pair(owner, row)
    viewed = rng.random(len(owner)) < np.where(carted, real.VIEWED_BEFORE_CART, 1.0)
    carted &= ~(bought & (rng.random(len(owner)) < real.BOUGHT_WITHOUT_CART))
    return Items(owner, first, row, _seconds(rng, owner, first, pace), viewed, carted, removed, bought)


def _first_of_pair(owner: Ints, row: Ints) -> Flags:
    """True where a visit meets a product for the first time: nobody buys one product twice in an order."""
    _, places = np.unique(owner * (real.PRODUCTS + 1) + row, return_index=True)
    first = np.zeros(len(owner), dtype=bool)
    first[places] = True
    return first


def _seconds(rng: np.random.Generator, owner: Ints, first: Ints, pace: Pace) -> Floats:
    """Seconds from the visit's start to each item: the sum of the gaps before it."""
    count = len(owner)
    gaps = pace.click_seconds * np.exp(rng.normal(0.0, 1.0, count))
    gaps += np.where(rng.random(count) < pace.pause_share, rng.exponential(pace.pause_seconds, count), 0.0)
    gaps += np.where(rng.random(count) < pace.return_share, rng.exponential(pace.return_seconds, count), 0.0)
    gaps[first] = 0.0
    total = np.cumsum(gaps)
    return total - total[first][owner]


def _events(visits: Visits, owner: Ints, row: Ints, seconds: Floats, kind: int) -> pl.DataFrame:
    columns = {
        "time": visits.start[owner] + (seconds * SECOND).astype(np.int64),
        "kind": np.full(len(owner), kind, dtype=np.uint8),
        "row": row.astype(np.int32),
        "user_id": visits.user_id[owner],
        "visit": visits.visit[owner].astype(np.uint64),
    }
    return pl.DataFrame(columns, schema=DRAFT)


def _item_events(rng: np.random.Generator, visits: Visits, items: Items, pace: Pace) -> list[pl.DataFrame]:
    """Views, carts, removals, purchases; all purchases of a visit at one moment, after the rest: its checkout."""
    reach, gap = len(items.owner), pace.click_seconds
    carted_at = items.seconds + np.where(items.viewed, gap / 2 * np.exp(rng.normal(0.0, 0.7, reach)), 0.0)
    removed_at = carted_at + gap * np.exp(rng.normal(0.5, 1.0, reach))
    done = np.maximum.reduceat(np.where(items.removed, removed_at, carted_at), items.first)
    checkout = (done + gap * 2 * np.exp(rng.normal(0.0, 0.7, len(done))))[items.owner]
    moments = (
        (items.viewed, items.seconds, VIEW),
        (items.carted, carted_at, CART),
        (items.removed, removed_at, REMOVE),
        (items.bought, checkout, PURCHASE),
    )
    return [_events(visits, items.owner[mask], items.row[mask], at[mask], kind) for mask, at, kind in moments]


def _voucher_events(rng: np.random.Generator, catalogue: Catalogue, purchases: pl.DataFrame) -> pl.DataFrame:
    """Vouchers used to pay: rows with a negative price beside an order's other purchases."""
    paid = purchases.filter(pl.Series(rng.random(len(purchases)) < real.VOUCHERS_PER_PURCHASE))
    voucher = catalogue.products + rng.integers(0, len(real.VOUCHER_ROUBLES), len(paid))
    return paid.with_columns(pl.Series("row", voucher, dtype=pl.Int32))


def _clearing_events(rng: np.random.Generator, catalogue: Catalogue, visits: Visits) -> pl.DataFrame:
    """Old carts emptied: many removals within seconds, of products that this visit never carted."""
    place = np.flatnonzero(rng.random(len(visits.start)) < real.CLEARING_VISITS)
    median, spread = np.array([[real.CLEARED_LOG_MEDIAN], [real.CLEARED_LOG_SPREAD]]).repeat(len(place), axis=1)
    counts = _counts(rng, median, spread)
    owner = np.repeat(place, counts)
    all_carted = np.ones(len(owner), dtype=bool)
    row = catalogue.pick(rng.random(len(owner)), all_carted, np.full(len(owner), ANY_CATEGORY))
    return _events(visits, owner, row, rng.uniform(0, 1, len(owner)) * (3.0 * counts).repeat(counts), REMOVE)


def _stutter(rng: np.random.Generator, events: pl.DataFrame) -> pl.DataFrame:
    """The events and their exact duplicates: some visits send a row two or three times."""
    share = np.array([real.STUTTER.get(name, 0.0) for name in real.EVENT_TYPES])[events["kind"].to_numpy()]
    stutters = events["visit"].to_numpy() % 1_000 < 1_000 * real.STUTTERING_VISITS
    again = pl.Series(stutters & (rng.random(len(events)) < share))
    twice = events.filter(again)
    thrice = twice.filter(pl.Series(rng.random(len(twice)) < real.SECOND_STUTTER))
    return pl.concat([events, twice, thrice])
