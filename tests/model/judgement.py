"""Judges a lake: what must hold at any time, and what must hold once all is done.

Add here: what must hold. Not here: how a table follows from the messages (`tests.faults.oracle`).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from assets.bronze.bronze import OffsetsLostError
from assets.gold.gold import rebuild_gold
from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.tables import BRONZE_EVENTS, DAILY, RESTATEMENTS, SILVER_BATCHES, SILVER_EVENTS
from assets.upkeep.audit import audit
from resources.lake import Lake
from tests.faults.feed import Stored
from tests.faults.oracle import BODY, expected_tables, held, judge
from tests.lakes import ALL, snapshot, traces
from tests.model.deeds import AcceptLoss, Run
from tests.model.shop import TOPIC, WINDOW, Shop


def finish(shop: Shop) -> None:
    """Do all that was left undone, and read what Kafka has."""
    while shop.transactions:
        shop.decide(commits=True)
    for deed in list(shop.unfinished):
        deed.begin(shop)
        with shop.ruled():
            deed.do(shop)
        shop.unfinished.pop(deed, None)
    with shop.ruled():
        try:
            Run().do(shop)
        except OffsetsLostError:
            AcceptLoss().do(shop)
            Run().do(shop)


def note_losses(shop: Shop) -> None:
    """What the ledger has given up is lost, if Kafka had deleted it."""
    rows = held(shop.lake, SILVER_BATCHES, "partition", "start_offset", "end_offset", "lost")
    for partition, start, end, lost in rows:
        assert not lost or end <= shop.topic.start(partition), "more is given up than Kafka has deleted"
        shop.known.lost |= {(partition, offset) for offset in range(start, end) if lost}


def assert_all_is_right(shop: Shop) -> None:
    """Finish, and compare every table with what is known; then neither a second run nor a rebuild changes anything."""
    assert_what_is_known_is_there(shop)
    with shop.ruled():
        assert audit(shop.lake).findings == []
    assert_nothing_of_the_forgotten_is_left(shop)
    assert_a_rebuild_changes_nothing(shop)


def assert_what_is_known_is_there(shop: Shop) -> None:
    """Finish, and compare; then a second run has nothing to do."""
    finish(shop)
    assert_tables_hold_what_is_known(shop)
    assert_a_second_run_does_nothing(shop)


def assert_tables_hold_what_is_known(shop: Shop) -> None:
    note_losses(shop)
    batches, read_at = _batches(shop.lake)
    due = {message.place for message in shop.known.kept()}
    assert due - batches.keys() == set(), "messages are missing in bronze"
    assert batches.keys() - due == set(), "bronze has messages that it must not have"
    log = shop.known.stored(batches)
    for layout, columns, rows in expected_tables(log, read_at):
        if layout is not SILVER_BATCHES:
            assert held(shop.lake, layout, *columns) == sorted(rows, key=repr), layout.name
    _assert_ledger(shop, batches)
    if not (shop.known.month_was_loaded or shop.known.rule_has_changed):
        _assert_outcomes(shop, log)


def _batches(lake: Lake) -> tuple[dict[tuple[int, int], int], dict[int, datetime]]:
    """The batch of each place in bronze, and when each batch was read."""
    rows = held(lake, BRONZE_EVENTS, "partition", "offset", "batch", "ingested_at")
    batches, read_at = {row[:2]: row[2] for row in rows}, {row[2]: row[3] for row in rows}
    assert len(batches) == len(rows), "bronze has messages twice"
    assert len({row[2:] for row in rows}) == len(read_at), "messages of a batch were read at different times"
    return batches, read_at


def _assert_ledger(shop: Shop, batches: dict[tuple[int, int], int]) -> None:
    """The batches' ranges follow each other up to Kafka's end, and count the messages of bronze."""
    numbers = ("messages", "accepted", "quarantined", "duplicates", "markers", "lost")
    ends = dict[int, int]()
    for partition, _, start, end, messages, accepted, quarantined, duplicates, markers, lost in sorted(
        held(shop.lake, SILVER_BATCHES, "partition", "batch", "start_offset", "end_offset", *numbers)
    ):
        assert start == ends.get(partition, 0), "the ledger has a gap or an overlap"
        ends[partition] = end
        assert messages == sum((partition, offset) in batches for offset in range(start, end)), "silver/batches"
        assert messages == accepted + quarantined + duplicates, "silver/batches"
        assert messages + markers + (lost or 0) == end - start, "silver/batches"
    read = {partition: end for partition, end in shop.topic.ends().items() if end}
    assert {partition: end for partition, end in ends.items() if end} == read, "silver/batches"


def _assert_outcomes(shop: Shop, log: Sequence[Stored]) -> None:
    """The ledger says what became of each message when it came: that is still so, if the past has not changed."""
    verdicts = judge(log)
    outcomes = ([one for one, _ in verdicts.accepted], [one for one, _ in verdicts.refused], verdicts.copies)
    counted = [Counter((one.batch, one.partition) for one in messages) for messages in outcomes]
    for *place, accepted, quarantined, duplicates in held(
        shop.lake, SILVER_BATCHES, "batch", "partition", "accepted", "quarantined", "duplicates"
    ):
        known = [counts[tuple(place)] for counts in counted]
        assert [accepted, quarantined, duplicates] == known, "silver/batches"


def assert_nothing_of_the_forgotten_is_left(shop: Shop) -> None:
    """In no file of the lake, with old versions and logs; unless the user came again since."""
    gone = shop.known.forgotten.keys() - {message.said.names for message in shop.known.kept()}
    assert not gone or traces(shop.lake, gone) == [], "a file has a forgotten user"


def assert_a_second_run_does_nothing(shop: Shop) -> None:
    before = versions(shop.lake)
    with shop.ruled():
        Run().do(shop)
    assert versions(shop.lake) == before, "a second run has work to do"


def versions(lake: Lake) -> dict[str, int]:
    return {layout.name: lake.table(layout).version for layout in ALL}


def assert_a_rebuild_changes_nothing(shop: Shop) -> None:
    before = snapshot(shop.lake)
    days: list[date] = sorted({*shop.lake.table(SILVER_EVENTS).days, *shop.lake.table(BRONZE_EVENTS).days})
    if days:
        with shop.ruled(), finishing(shop.lake, days, rebuilds=1):
            rebuild_silver(shop.lake, days)
            rebuild_gold(shop.lake, DAILY, days, WINDOW)
    after = snapshot(shop.lake)
    assert [name for name in before if not before[name].equals(after[name])] == [], "a rebuild changes rows"


def progress(shop: Shop) -> dict[str, int]:
    """The numbers that never go down."""
    bronze = shop.lake.table(BRONZE_EVENTS)
    cursors = {f"cursor {p}": bronze.progress(f"kafka/{TOPIC}/{p}") or 0 for p in range(shop.topic.partitions)}
    return {**{layout.name: batch_of(shop.lake.table(layout)) for layout in ALL}, **cursors}


def restatements(lake: Lake) -> set[tuple[object, ...]]:
    """What was told of the past: no row of it may go."""
    return set(held(lake, RESTATEMENTS, *RESTATEMENTS.schema.names()))


def assert_no_event_is_there_twice(lake: Lake) -> None:
    rows = lake.table(SILVER_EVENTS).read(columns=["source", "event_date", "event_id", *BODY])
    named = rows.filter(rows["event_id"].is_not_null()).select("event_date", "event_id")
    unnamed = rows.filter(rows["event_id"].is_null()).select(BODY)
    assert named.is_duplicated().sum() == 0, "an event is there twice"
    assert unnamed.is_duplicated().sum() == 0, "an event is there twice"
