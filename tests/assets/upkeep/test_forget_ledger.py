"""Ledger and quarantine beside a forgotten user: what older releases and repairs have left, and counts below zero."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    FORGOTTEN_USERS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from resources.lake import Lake
from resources.table_layout import TableLayout
from tests.assets.archive.month_lines import HEADER, NOW, PURCHASE, load, put
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

USER, OTHER = 463240011, 7
MINE = str(USER).encode()


@pytest.fixture
def shop(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path) -> Lake:
    """One batch and one month: a good event and refused ones, of the user by key alone, and of somebody else."""
    mock_kafka.publish_keyed(topic, [(MINE, event()), (MINE, b"half"), (None, b"junk"), (None, event(user_id=OTHER))])
    run(lake, stream)
    put(tmp_path, [PURCHASE.replace("2.62", "3.00"), PURCHASE.replace("2.62", "z")], header=HEADER)
    load(lake, tmp_path)
    assert audit(lake).findings == []
    return lake


def change(lake: Lake, layout: TableLayout, deed: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    table = lake.table(layout)
    table.replace(deed(table.read()), None, {})


def without(value: bytes) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda held: held.filter(pl.col("value") != value)


def fewer(**counts: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda held: held.with_columns(**{name: pl.col(name) - less for name, less in counts.items()})


@pytest.mark.parametrize(
    ("ledger", "counts"),
    [
        (SILVER_BATCHES, {"duplicates": 1, "messages": 1}),
        (SILVER_BATCHES, {"duplicates": 1, "quarantined": -1}),
        (SILVER_BATCHES, {"markers": 1}),
        (BRONZE_ARCHIVE_MONTHS, {"duplicates": 1, "lines": 1}),
        (BRONZE_ARCHIVE_MONTHS, {"duplicates": 1, "quarantined": -1}),
    ],
)
def test_the_audit_refuses_a_count_below_zero(shop: Lake, ledger: TableLayout, counts: dict[str, int]) -> None:
    change(shop, ledger, fewer(**counts))

    found = audit(shop)

    assert not found.passed
    assert "negative" in {finding["finding"] for finding in found.findings}


def test_a_row_that_an_older_release_left_in_quarantine_goes_too(shop: Lake) -> None:
    change(shop, BRONZE_EVENTS, without(b"half"))
    change(shop, SILVER_BATCHES, fewer(messages=1, duplicates=1, markers=-1))
    assert not audit(shop).passed

    done = forget(shop, USER, NOW, 45)

    assert done.found["silver_quarantine"] == 2
    assert rows(shop, SILVER_QUARANTINE)["value"].to_list() == [b"junk"]
    assert rows(shop, SILVER_BATCHES).select("messages", "accepted", "quarantined", "duplicates").row(0) == (2, 1, 1, 0)
    assert audit(shop).findings == []


def test_a_refused_message_that_a_repair_could_save_here_alone_stays(shop: Lake) -> None:
    change(shop, BRONZE_EVENTS, without(b"junk"))

    forget(shop, USER, NOW, 45)

    assert rows(shop, SILVER_QUARANTINE)["value"].to_list() == [b"junk"]
    assert rows(shop, SILVER_BATCHES).select("messages", "accepted", "quarantined", "duplicates").row(0) == (2, 1, 1, 0)
    assert [finding["finding"] for finding in audit(shop).findings] == ["bronze"]


def test_what_others_had_refused_for_the_users_event_leaves_quarantine(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    others = [event(event_id="e1", user_id=OTHER)] * 2
    mock_kafka.publish(topic, [event(event_id="e1", user_id=USER)])
    run(lake, stream)
    mock_kafka.publish(topic, others)
    run(lake, stream)
    assert rows(lake, SILVER_QUARANTINE)["reason"].to_list() == ["conflicting_duplicate"] * 2

    forget(lake, USER, NOW, 45)

    assert rows(lake, SILVER_EVENTS)["user_id"].to_list() == [OTHER]
    assert rows(lake, SILVER_QUARANTINE).is_empty()
    assert audit(lake).findings == []


def test_a_moment_of_forgetting_does_not_move_back_with_the_clock(shop: Lake) -> None:
    forget(shop, USER, NOW, 45)

    forget(shop, USER, NOW - timedelta(hours=1), 45)

    assert rows(shop, FORGOTTEN_USERS)["forgotten_at"].to_list() == [NOW]
