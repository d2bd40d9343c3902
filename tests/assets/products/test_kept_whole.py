"""The tables about products after a power cut: what a broken file held is computed again."""

from pathlib import Path

import pytest

from assets.products.bought_together import refresh_bought_together
from assets.products.repurchases import refresh_repurchases
from assets.tables import BOUGHT_TOGETHER, REPURCHASES, SILVER_PURCHASES
from assets.tables.table import Table
from assets.upkeep.lost_files import restore_files
from resources.kafka_reader import KafkaReader
from resources.lake import Lake
from tests.assets.products.purchases import purchases
from tests.lakes import rows


def unasked() -> KafkaReader:
    raise AssertionError("Kafka is not needed")


@pytest.mark.parametrize("table", [BOUGHT_TOGETHER, REPURCHASES], ids=lambda table: table.sql_name)
def test_a_broken_file_is_computed_again(lake: Lake, table: Table) -> None:
    orders = [
        (user, f"2019-10-0{day} 10:00:00", product, "2.00") for user in (1, 2) for day in (1, 3) for product in (5, 6)
    ]
    lake.table(SILVER_PURCHASES).append(purchases(*orders), {})
    refresh_bought_together(lake)
    refresh_repurchases(lake)
    before = rows(lake, table)
    assert before.height == 2
    Path(lake.table(table).file_uris()[0]).write_bytes(b"")

    found = list(restore_files(lake, 45, unasked))

    assert [(finding.table, finding.kind) for finding in found] == [(table.sql_name, "broken_file")]
    assert rows(lake, table).equals(before)
