import polars as pl
import pytest

from assets.progress.batch_snapshot import batch_snapshot
from assets.progress.batches import BATCH
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.conftest import event
from tests.faults.interleaving import once_before
from tests.lakes import a_night_passes, run
from tests.resources.mock_kafka import MockKafka


def test_a_table_that_is_ahead_is_read_as_it_was(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    ahead = lake.table(PRODUCT_SALES)
    ahead.replace(pl.DataFrame(schema=PRODUCT_SALES.schema), None, {BATCH: 2})
    ahead.compact([])

    seen = batch_snapshot(lake)

    assert seen.batch == 1
    assert [seen.table(layout).rows for layout in (PRODUCT_SALES, CUSTOMER_DAYS, SILVER_PURCHASES)] == [1, 1, 1]


def test_a_log_may_be_shortened_while_its_table_is_looked_at(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    lake.table(PRODUCT_SALES).annotate({"salesinsights.note": "1"})
    a_night_passes(lake)
    once_before(monkeypatch, LakeTable, "progress", lake.table(PRODUCT_SALES).checkpoint)

    assert batch_snapshot(lake).batch == 1


def test_an_empty_lake_is_batch_zero(lake: Lake) -> None:
    assert batch_snapshot(lake).batch == 0
