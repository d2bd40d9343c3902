from datetime import UTC, datetime, timedelta

import polars as pl
from polars.testing import assert_frame_equal

from assets.progress.added_columns import added_fields, comparable
from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from tests.older_lakes import take_away

ADDED = datetime(2026, 11, 27, tzinfo=UTC)
ROW = {"event_id": "e", "kafka_timestamp": ADDED, "price": None}


def upgraded(lake: Lake) -> Lake:
    """A lake whose silver got two columns later, one of them a field of the event."""
    lake.table(SILVER_EVENTS)
    take_away(lake, SILVER_EVENTS, ["event_id", "kafka_timestamp"])
    return Lake(lake.root, now=lambda: ADDED)


def test_only_fields_of_the_event_count_as_added_fields(lake: Lake) -> None:
    assert added_fields(lake.table(SILVER_EVENTS)) == {}
    assert added_fields(upgraded(lake).table(SILVER_EVENTS)) == {"event_id": ADDED}


def test_a_row_is_compared_without_columns_that_are_younger(lake: Lake) -> None:
    moments = [ADDED - timedelta(days=1), ADDED, ADDED + timedelta(microseconds=1)]
    rows = pl.DataFrame([{**ROW, "ingested_at": moment} for moment in moments], {**SILVER_EVENTS.schema})
    nothing = rows.head(2).with_columns(
        pl.lit(None, rows[name].dtype).alias(name) for name in ("event_id", "kafka_timestamp")
    )

    found = comparable(rows, upgraded(lake).table(SILVER_EVENTS), "ingested_at")

    assert_frame_equal(found, pl.concat([nothing, rows.tail(1)]))
