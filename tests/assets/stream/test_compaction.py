"""Small files of a running day are merged in steps: a file that has grown is left alone."""

import polars as pl
import pytest

from assets.stream import compaction
from assets.tables import BRONZE_EVENTS
from resources.lake import Lake


def some(rows: int, seed: int) -> pl.DataFrame:
    bytes_of = pl.int_range(rows, eager=True).hash(seed).cast(pl.String).cast(pl.Binary)
    shape = BRONZE_EVENTS.schema
    absent = [pl.lit(None, kind).alias(name) for name, kind in shape.items() if name not in ("value", "event_date")]
    dated = pl.DataFrame({"value": bytes_of}).with_columns(pl.date(2019, 10, 1).alias("event_date"), *absent)
    return dated.select(shape.names()).cast(shape)


def test_a_row_is_rewritten_once_a_size_and_not_once_a_merge(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_SMALL_FILES", 4)
    monkeypatch.setattr(compaction, "SIZES", (100_000, 10_000_000))
    table, large = lake.table(BRONZE_EVENTS), some(20_000, 1)
    table.append(large, {"batch": 1})
    (first,) = table.files()["path"]
    for number in range(4):
        table.append(some(10, number), {"batch": number + 2})

    assert compaction.compact(lake) == 3
    held = lake.table(BRONZE_EVENTS)
    assert first in held.files()["path"].to_list()
    assert (held.files().height, held.rows) == (2, 20_040)


def test_files_that_have_grown_are_merged_in_turn(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_SMALL_FILES", 4)
    monkeypatch.setattr(compaction, "SIZES", (100_000, 10_000_000))
    table = lake.table(BRONZE_EVENTS)
    for number in range(4):
        table.append(some(20_000, number), {"batch": number + 1})

    assert compaction.compact(lake) == 3
    assert (lake.table(BRONZE_EVENTS).files().height, lake.table(BRONZE_EVENTS).rows) == (1, 80_000)
