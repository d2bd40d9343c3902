"""What the tables must hold, computed from the producer's own log in plain Python, in one go.

Each batch of the log counts as one batch of the stream, which is true if the stream runs after each.
Add here: a table that a fault might harm. Not here: how the harm is done.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.upkeep.audit import audit
from resources.lake import Lake
from resources.table_layout import TableLayout
from tests.faults.feed import PARTITIONS, Event, Stored

BODY = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
WINDOW = timedelta(seconds=45)

_BOUGHT = ("event_time", "product_id", "brand", "price", "user_id", "user_session")
_PLACE = ("batch", "partition", "offset")
_LEDGER = ("batch", "partition", "start_offset", "end_offset", "messages", "accepted", "quarantined", "duplicates")
_MONEY = ("revenue", "refunds", "updated_at")
_SALES = ("product_id", "brand", "units", "orders", "buyers", *_MONEY)
_CUSTOMERS = ("event_date", "user_id", "units", "orders", *_MONEY, "first_order_at", "last_order_at")

Row = tuple[Any, ...]


@dataclass
class Verdicts:
    """What becomes of the messages, in the order of their arrival."""

    accepted: list[tuple[Stored, Event]] = field(default_factory=list)
    refused: list[tuple[Stored, str]] = field(default_factory=list)
    copies: list[Stored] = field(default_factory=list)


def judge(log: Iterable[Stored]) -> Verdicts:
    """The first message of an event counts; a different body under its event_id on the same day is refused."""
    verdicts, bodies = Verdicts(), dict[Row, Row]()
    for message in sorted(log, key=lambda stored: (stored.batch, stored.partition, stored.offset)):
        if isinstance(message.told, str):
            verdicts.refused.append((message, message.told))
            continue
        body = tuple(message.told[name] for name in BODY)
        named = (message.told["event_id"], message.told["event_time"][:10])
        identity = named if named[0] else body
        if identity not in bodies:
            bodies[identity] = body
            verdicts.accepted.append((message, message.told))
        elif bodies[identity] == body:
            verdicts.copies.append(message)
        else:
            verdicts.refused.append((message, "conflicting_duplicate"))
    return verdicts


def assert_lake_holds(lake: Lake, log: list[Stored]) -> None:
    """Every table equals, row for row, what the log gives, and the audit passes."""
    read_at: dict[int, datetime] = dict(held(lake, BRONZE_EVENTS, "batch", "ingested_at"))
    for layout, columns, rows in expected_tables(log, read_at):
        assert held(lake, layout, *columns) == sorted(rows, key=repr), layout.name
    assert audit(lake).findings == []


def expected_tables(
    log: list[Stored], read_at: Mapping[int, datetime]
) -> Iterator[tuple[TableLayout, tuple[str, ...], Iterable[Row]]]:
    """Each table with some of its columns and their rows; `read_at` is when each batch was read."""
    verdicts = judge(log)
    bought = [Purchase(event, read_at.get(place.batch)) for place, event in verdicts.accepted if is_purchase(event)]
    refused = [(*place_of(message), message.value, reason) for message, reason in verdicts.refused]
    yield BRONZE_EVENTS, (*_PLACE, "value"), [(*place_of(message), message.value) for message in log]
    yield SILVER_QUARANTINE, (*_PLACE, "value", "reason"), refused
    yield SILVER_EVENTS, (*_PLACE, *BODY, "event_id"), map(silver_row, verdicts.accepted)
    yield SILVER_BATCHES, _LEDGER, ledger(log, verdicts)
    yield (
        SILVER_PURCHASES,
        ("batch", *_BOUGHT),
        map(purchase_row, filter(lambda one: is_purchase(one[1]), verdicts.accepted)),
    )
    yield PRODUCT_SALES, ("window_start", "window_end", *_SALES), sales(bought, window_of)
    yield PRODUCT_SALES_DAILY, ("event_date", *_SALES), sales(bought, day_of)
    yield CUSTOMER_DAYS, _CUSTOMERS, customers(bought)


def held(lake: Lake, layout: TableLayout, *columns: str) -> list[Row]:
    """The rows of a table, sorted by their text."""
    return sorted(lake.table(layout).read(columns=columns).rows(), key=repr)


def place_of(message: Stored) -> Row:
    return message.batch, message.partition, message.offset


def silver_row(accepted: tuple[Stored, Event]) -> Row:
    message, event = accepted
    typed = {**event, "event_time": time_of(event), "price": Decimal(event["price"])}
    return (*place_of(message), *(typed[name] for name in (*BODY, "event_id")))


def purchase_row(accepted: tuple[Stored, Event]) -> Row:
    message, event = accepted
    typed = {**event, "event_time": time_of(event), "price": Decimal(event["price"])}
    return (message.batch, *(typed[name] for name in _BOUGHT))


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event["event_time"].replace(" UTC", "+00:00"))


def is_purchase(event: Event) -> bool:
    return bool(event["event_type"] == "purchase")


def ledger(log: list[Stored], verdicts: Verdicts) -> Iterable[Row]:
    """One row per batch and partition: the offsets and the outcomes."""
    counted = [
        Counter((message.batch, message.partition) for message in messages)
        for messages in (log, (m for m, _ in verdicts.accepted), (m for m, _ in verdicts.refused), verdicts.copies)
    ]
    ends: Counter[int] = Counter()
    for batch in sorted({message.batch for message in log}):
        for partition in range(PARTITIONS):
            start, cell = ends[partition], (batch, partition)
            ends[partition] += counted[0][cell]
            yield *cell, start, ends[partition], *(counts[cell] for counts in counted)


class Purchase:
    """One purchase row, typed; `read_at` is when its batch was read."""

    def __init__(self, event: Event, read_at: datetime | None) -> None:
        self.time, self.price, self.brand = time_of(event), Decimal(event["price"]), event["brand"]
        self.product, self.user = event["product_id"], event["user_id"]
        self.order = (self.user, event["user_session"], self.time)
        self.read_at = read_at


def window_of(bought: Purchase) -> Row:
    midnight = bought.time.replace(hour=0, minute=0, second=0)
    start = midnight + (bought.time - midnight) // WINDOW * WINDOW
    return start, start + WINDOW, bought.product


def day_of(bought: Purchase) -> Row:
    return bought.time.date(), bought.product


def grouped(bought: Iterable[Purchase], key: Callable[[Purchase], Row]) -> dict[Row, list[Purchase]]:
    groups = defaultdict(list)
    for purchase in bought:
        groups[key(purchase)].append(purchase)
    return groups


def sales(bought: Iterable[Purchase], key: Callable[[Purchase], Row]) -> Iterable[Row]:
    for group, rows in grouped(bought, key).items():
        brand = max((row.brand for row in rows if row.brand is not None), default=None)
        units, orders, *money = measures(rows)
        yield *group, brand, units, orders, len({row.user for row in rows if row.price >= 0}), *money


def customers(bought: Iterable[Purchase]) -> Iterable[Row]:
    for group, rows in grouped(bought, lambda row: (row.time.date(), row.user)).items():
        times = [row.time for row in rows if row.price >= 0]
        yield *group, *measures(rows), min(times, default=None), max(times, default=None)


def measures(rows: list[Purchase]) -> Row:
    """Units, orders, revenue, refunds and updated_at."""
    prices = [row.price for row in rows]
    refunds = -sum((price for price in prices if price < 0), Decimal("0.00"))
    updated_at = max(row.read_at for row in rows if row.read_at)
    orders = {row.order for row in rows if row.price >= 0}
    return sum(price >= 0 for price in prices), len(orders), sum(prices), refunds, updated_at
