"""A forgotten user is gone, however and wherever a message or line names them; whoever is named alike stays."""

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import Forgotten, forget
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, load, put
from tests.assets.upkeep.user_spellings import KEYS, LINE_FAULTS, LINES, PLACES, SPELLINGS, Message
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

fastavro = pytest.importorskip("fastavro", reason="Avro is an extra: pip install 'salesinsights[avro]'")

from tests.assets.events.test_avro_decoder import Registry, encoded, schema  # noqa: E402

USER, OTHER = 463240011, 463240022
NOW = datetime.now(UTC) + timedelta(days=1)
TOPIC = "shop.forget-matrix"
LONG = '"long"'
"""The schema of an Avro key."""


def messages(user: int, registry: dict[str, int]) -> dict[str, Message]:
    """Every way in which a message names the user, by name."""
    numbers = itertools.count(1_000)
    spelled = {
        f"{place}, {spelling}": (None, say(spell(user), next(numbers)))
        for (place, say), (spelling, spell) in itertools.product(PLACES.items(), SPELLINGS.items())
    }
    text = schema()
    avro_key = b"\0" + registry[LONG].to_bytes(4) + written(LONG, user)
    keys = {**{name: make(user) for name, make in KEYS.items()}, "avro": avro_key}
    keyed = {
        f"{what}, key {name}": (key, value)
        for (name, key), (what, value) in itertools.product(
            keys.items(),
            {"no value": None, "no user": b'{"price": 1}', "not_json": b"half", "avro": b"\0\0\0\0\x63x"}.items(),
        )
    }
    named = {"user_id": user, "product_id": 999, "event_id": f"of {user}"}
    avro = {
        "avro": encoded(registry[text], text, user_id=user, product_id=1),
        "avro, refused": encoded(registry[text], text, user_id=user, product_id=2, price=Decimal("2.625")),
        "avro, text": encoded(registry[TEXT], TEXT, user_id=str(user), product_id=3),
        "avro, padded": encoded(registry[TEXT], TEXT, user_id=f" {user}", product_id=4),
        "avro, bad_avro": encoded(registry[TEXT], TEXT, user_id=f" {user}", product_id=5)[:-1],
        "avro, unknown_schema": encoded(99, text, user_id=user, product_id=6),
        "avro, bad_avro by number": encoded(registry[text], text, user_id=user, product_id=7)[:-3],
        "first of a conflict": event(**named),
        "conflicting_duplicate": event(**named, price=1),
    }
    return {**spelled, **keyed, **{name: (None, value) for name, value in avro.items()}}


TEXT = schema(user_id="string")


def written(text: str, value: object) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(text)), value)
    return body.getvalue()


def lines(user: int) -> dict[str, bytes]:
    """Every way in which a line of the archive names the user."""
    return {
        f"line, {fault}, {spelling}": make(
            f"2019-10-01 00:00:{place:02} UTC,purchase,5773203,1487580005134238553,,runail,2.62,{spell(user)},26dd6e6e"
        ).encode()
        for place, ((fault, make), (spelling, spell)) in enumerate(
            itertools.product(LINE_FAULTS.items(), LINES.items())
        )
    }


NUMBERS = {schema(): 1, TEXT: 2, LONG: 3}
MESSAGES, LINE_CASES = messages(USER, NUMBERS), lines(USER)
THEIRS, THEIR_LINES = messages(OTHER, NUMBERS), lines(OTHER)


@dataclass(frozen=True)
class World:
    """What bronze held before and after, and after all of it came again; quarantine after; the lake, and the answer."""

    lake: Lake
    before: set[Message]
    after: set[Message]
    again: set[Message]
    refused: set[bytes | None]
    done: Forgotten
    findings: list[dict[str, str]]


@pytest.fixture(scope="module")
def world(mock_kafka: MockKafka, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("matrix")
    lake, registry = Lake(str(folder / "lake")), Registry()
    assert [registry.register(text) for text in NUMBERS] == list(NUMBERS.values())
    clock = itertools.count()
    stream = Stream(
        lambda: MockTopicReader(mock_kafka.connection, TOPIC, registry=registry),
        lambda: NOW - timedelta(days=1) + timedelta(seconds=next(clock)),
        batch_rows=1_000,
        window_seconds=45,
    )
    both = [message for pair in zip(MESSAGES.values(), THEIRS.values(), strict=True) for message in pair]
    mock_kafka.publish_keyed(TOPIC, [*both, (str(USER).encode(), event(user_id=OTHER, product_id=12))])
    run(lake, stream)
    put(folder, [*LINE_CASES.values(), *THEIR_LINES.values()], header=HEADER)
    load(lake, folder)
    before = held(lake)
    done = forget(lake, USER, NOW, 45)
    after, refused, findings = held(lake), set(rows(lake, SILVER_QUARANTINE)["value"]), audit(lake).findings
    mock_kafka.publish_keyed(TOPIC, MESSAGES.values())
    run(lake, stream)
    put(folder, [*LINE_CASES.values(), *THEIR_LINES.values(), "again"], header=HEADER)
    load(lake, folder)
    return World(lake, before, after, held(lake), refused, done, findings)


def held(lake: Lake) -> set[Message]:
    """Key and value of each row of bronze; lines without their header."""
    key = pl.when(pl.col("source") != "archive").then("key")
    return set(rows(lake, BRONZE_EVENTS).select(key, "value").iter_rows())


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_gone_and_its_twin_stays(world: World, name: str) -> None:
    mine, theirs = MESSAGES[name], THEIRS[name]

    assert mine in world.before
    assert mine not in world.after
    assert mine not in world.again
    assert theirs in world.after
    if mine[1] != theirs[1]:
        assert mine[1] not in world.refused


@pytest.mark.parametrize("name", LINE_CASES)
def test_a_line_is_gone_and_its_twin_stays(world: World, name: str) -> None:
    mine, theirs = (None, LINE_CASES[name]), (None, THEIR_LINES[name])

    assert mine in world.before
    assert mine not in world.after
    assert mine not in world.again
    assert theirs in world.after
    assert mine[1] not in world.refused


def test_no_table_and_no_file_has_the_number(world: World) -> None:
    assert world.done.left == {}
    assert set(rows(world.lake, SILVER_EVENTS)["user_id"]) == {OTHER}
    for path in Path(world.lake.root).rglob("*.parquet"):
        assert str(USER) not in repr(pl.read_parquet(path).to_dicts()), path


def test_somebody_elses_event_under_the_users_key_stays_without_the_key(world: World) -> None:
    stays = event(user_id=OTHER, product_id=12)

    assert (str(USER).encode(), stays) in world.before
    assert (None, stays) in world.after


def test_ledger_and_quarantine_fall_together(world: World) -> None:
    assert world.findings == []
    for ledger, total in ((SILVER_BATCHES, "messages"), (BRONZE_ARCHIVE_MONTHS, "lines")):
        counts = rows(world.lake, ledger).select(total, "accepted", "quarantined", "duplicates")
        assert counts.min().row(0) >= (0, 0, 0, 0)
        assert counts.filter(pl.col(total) != pl.sum_horizontal(pl.exclude(total))).is_empty()


def test_what_nobody_can_read_is_said(world: World) -> None:
    """The other user's, which have no key: these bytes may be about anybody."""
    assert world.done.undecided == {"bad_avro": 2, "unknown_schema": 1}
