"""The ledger of restatements equals a full comparison of gold, look by look, over random histories of a lake.

A few of them in the suite; 200 in a campaign.
"""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings

from assets.gold.restatements import last_gap
from tests.assets.gold.histories import Deed, Shop, histories, ledger_of
from tests.campaign import tries
from tests.resources.mock_kafka import MockKafka

EXAMPLES = tries(4, 200)

NUMBERS = count()


@pytest.mark.timeout(600 + 30 * EXAMPLES)
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_the_ledger_lists_each_closed_window_that_changed_once(
    tmp_path: Path, mock_kafka: MockKafka, history: list[tuple[Deed, int]]
) -> None:
    number = next(NUMBERS)
    shop = Shop(tmp_path / f"{number}", mock_kafka, f"histories.{number}")

    for deed, minutes in history:
        shop.do(deed, minutes)

    assert sorted(ledger_of(shop.lake), key=repr) == sorted(shop.ledger.rows, key=repr)
    assert last_gap(shop.lake) is None
    event("some restatements" if shop.ledger.rows else "no restatement")
