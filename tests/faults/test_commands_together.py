"""Every command that rewrites history beside every command that reads or appends.

One of the two is interrupted right before some of its commits, and the other one runs there from start to end. Whatever
the place, the lake must hold what one after the other would give, and nothing about a user who was forgotten.
"""

import itertools
import shutil
from pathlib import Path

import pytest

from assets.events import message_parser
from assets.events.contract import EVENT_TYPES
from assets.stream import micro_batch
from assets.stream.stream_assets import Stream
from assets.tables.sql_views import sql_session
from assets.upkeep import forget_user
from resources.duckdb_engine import query
from resources.lake_errors import FencedOffError
from tests.campaign import tries
from tests.faults.interleaving import at_each_commit, crash_before, once_before
from tests.faults.shop_commands import ARCHIVED, BOUGHT, Command, Shop
from tests.resources.mock_kafka import MockKafka

STEP: dict[Command, int] = {
    Shop.ingest: tries(5, 1),
    Shop.rebuild: tries(24, 1),
    Shop.load_month: tries(28, 1),
    Shop.replay: tries(20, 1),
    Shop.follow_customers: tries(4, 1),
    Shop.repair: tries(36, 1),
}
"""Each of so many places of a command is tried, counted from its second one (the first of `ingest`)."""

SOME = range(0, 1_000, tries(5, 1))
"""The places at which something comes in between, if all of them are tried in one go."""

REWRITES = (Shop.rebuild, Shop.load_month, Shop.keep_up, Shop.repair, Shop.forget_another)
READS = (Shop.follow_customers, Shop.look, Shop.serve)


@pytest.fixture
def shop(tmp_path: Path, stream: Stream, mock_kafka: MockKafka, topic: str) -> Shop:
    """A shop with two batches, and a third in the topic."""
    shop = Shop(tmp_path, stream, mock_kafka, topic)
    shop.publish_bought()
    for _ in range(2):
        shop.publish_and_ingest()
    shop.follow_customers()
    shop.publish()
    return shop


def added_by(command: Command, patch: pytest.MonkeyPatch) -> list[int]:
    """The prices of what the command adds. From here on, the rule of `replay` holds for all commands."""
    if command is Shop.replay:
        patch.setattr(message_parser, "EVENT_TYPES", {**EVENT_TYPES, "bought": "purchase"})
        return [BOUGHT]
    return [ARCHIVED] if command is Shop.load_month else []


@pytest.mark.parametrize("command", STEP)
def test_a_forgetting_between_the_steps_of(shop: Shop, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    added, original = added_by(command, monkeypatch), shop.home / "original"
    shutil.copytree(shop.home / "lake", original)
    for number in itertools.count(int(command is not Shop.ingest), STEP[command]):
        with monkeypatch.context() as only_here:
            places = at_each_commit(only_here, shop.forget, only=[number])
            command(shop)
        if number >= len(places):
            break
        shop.ingest()
        shop.assert_right(*added)
        shop.forgotten = []
        shutil.rmtree(shop.home / "lake")
        shutil.copytree(original, shop.home / "lake")

    assert number > 1


def test_the_stream_between_the_steps_of_a_forgetting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as only_here:
        places = at_each_commit(only_here, shop.publish_and_ingest, SOME[::2])
        shop.forget()

    assert len(places) > 15
    shop.assert_right()


def test_what_is_refused_again_while_it_leaves_bronze(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile() -> None:
        shop.ingest()
        shop.rebuild()

    shop.load_month()
    crash_before(monkeypatch, micro_batch, "advance_silver", shop.ingest)
    with monkeypatch.context() as only_here:
        once_before(only_here, forget_user, "remove_messages", meanwhile)
        shop.forget()

    shop.assert_right(ARCHIVED)


def test_everything_else_between_the_steps_of_a_forgetting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = itertools.cycle((*REWRITES, *READS))
    with monkeypatch.context() as only_here:
        at_each_commit(only_here, lambda: next(turns)(shop), SOME)
        shop.forget()

    shop.ingest()
    shop.assert_right(ARCHIVED)


@pytest.mark.parametrize("command", [Shop.rebuild, Shop.load_month, Shop.replay, Shop.repair, Shop.keep_up])
def test_the_stream_between_the_steps_of(shop: Shop, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    added = added_by(command, monkeypatch)
    with monkeypatch.context() as only_here:
        at_each_commit(only_here, shop.publish_and_ingest, SOME[::2])
        command(shop)

    shop.ingest()
    shop.assert_right(*added)


def test_an_answer_from_files_that_are_gone_is_refused(shop: Shop) -> None:
    def ask() -> None:
        with sql_session(shop.lake) as connection:
            shop.forget()
            query(connection, "SELECT * FROM silver_events")

    with pytest.raises(FencedOffError, match="run it again"):
        ask()
