"""What a reader of the topic of product sales sees.

Add here: how tests read it. Not here: a test.
"""

import json
from collections.abc import Iterable

from assets.serving.sales_topic import SalesTopic
from assets.serving.table_topic import TableTopic
from assets.tables import PRODUCT_SALES
from resources.kafka_reader import KafkaReader
from resources.lake import Lake


def messages(topic: TableTopic) -> list[tuple[bytes, bytes | None]]:
    """Each committed message, in order within a partition."""
    reader = KafkaReader(topic.connect(), topic.name)
    while reader.undecided():
        pass
    state = reader.state()
    chunks = reader.read(state.start, state.end, rows=10_000)
    return [row for chunk in chunks for row in chunk.messages.select("key", "value").iter_rows()]


def newest(found: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    """What compaction leaves, without the tombstones."""
    last = dict(found)
    return {key: value for key, value in last.items() if value is not None}


def assert_equal(topic: SalesTopic, lake: Lake) -> None:
    """Compacted, the topic equals gold's table, row for row; the version in each row held that row."""
    sales = lake.table(PRODUCT_SALES).read()
    expected = {told_key(row): told_value(row) for row in sales.to_dicts()}
    found = {key.decode(): json.loads(value) for key, value in newest(messages(topic)).items()}
    versions = [row.pop("version") for row in found.values()]
    assert found == expected
    assert all(0 < version <= lake.table(PRODUCT_SALES).version for version in versions)


def told_key(row: dict[str, object]) -> str:
    return f'{{"product_id":{row["product_id"]},"window_start":"{row["window_start"]:%Y-%m-%dT%H:%M:%S.%fZ}"}}'


def told_value(row: dict[str, object]) -> dict[str, object]:
    moments = {n: f"{row[n]:%Y-%m-%dT%H:%M:%S.%fZ}" for n in ("window_start", "window_end", "updated_at")}
    plain = {name: row[name] for name in ("product_id", "brand", "units", "orders", "buyers")}
    return {**plain, **moments, "revenue": str(row["revenue"]), "refunds": str(row["refunds"])}
