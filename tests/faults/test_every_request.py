"""Every request to an object store fails once: whatever the store does, a second try makes it as if nothing had failed.

A story is carried out on a disk, which shows what must come of it; then on a store, which shows its requests; then once
for each way in which one of them can fail. The suite makes a selection, always the same; a campaign (`tests.campaign`)
tries all of them.
"""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from assets.progress.batches import BATCH
from assets.silver import day_pieces, silver
from assets.tables import BRONZE_EVENTS, SILVER_QUARANTINE
from resources import object_store
from resources.foreseen_error import ForeseenError
from resources.lake import Lake
from tests.campaign import in_campaign
from tests.faults.feed import Feed
from tests.faults.stories import STORIES, Story, World, differences, read_one_batch, repair_and_run, state
from tests.resources.mock_kafka import MockKafka
from tests.resources.s3_server import RESET, SILENCE, Fault, S3Server

pytestmark = pytest.mark.usefixtures("hasty")

TRIES = 3
"""So often does the hasty client send a request."""

PATIENCE = "2s"
"""So long does the client wait for an answer to a request that gets none."""

BEFORE = {
    "is too busy": Fault(503, "SlowDown", times=TRIES),
    "resets": Fault(RESET, times=TRIES),
    "says nothing": Fault(SILENCE, times=TRIES),
}
AFTER = {
    "has done it and says error": Fault(500, "InternalError", times=TRIES, has_happened=True),
    "has done it and says error once": Fault(500, "InternalError", times=1, has_happened=True),
    "has done it and resets": Fault(RESET, times=TRIES, has_happened=True),
    "has done it and says nothing": Fault(SILENCE, times=TRIES, has_happened=True),
}
"""What a store may do to a request. After `TRIES` the client gives up; after one it asks again, and what it asked for
has been done: so a commit looks as if another writer had come first."""


def lose_the_newest_batch(world: World) -> None:
    """As after a bucket was restored from a copy in which one table is older than the others."""
    world.read(batches=3)
    world.follow()
    log = Path(world.lake.uri(BRONZE_EVENTS)) / "_delta_log"
    newest = max(log.glob("*.json"))
    for path in log.glob(f"{newest.stem}*"):
        path.unlink()


ON_A_STORE: Mapping[str, Story] = {
    **STORIES,
    "a repair": Story(lose_the_newest_batch, repair_and_run, 0),
    "what follows": Story(read_one_batch, World.follow, 0),
}
MOST = {"a batch": 3}
"""So many faults of a story can the suite afford; one of any other."""


@dataclass(frozen=True)
class Trouble:
    """A request, by its method and what is alike in all lakes, and what the store does to it."""

    request: str
    number: int
    does: str

    @property
    def fault(self) -> Fault:
        method, _, path = self.request.partition(" ")
        pattern = "^" + re.escape(path).replace(r"\*", "[^/]*?") + "$"
        return replace((BEFORE | AFTER)[self.does], method=method, path=pattern, passing=self.number)


def alike(request: str) -> str:
    """Without what differs from one lake to the next: the bucket and the random names of files."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", request)


def troubles_of(requests: Sequence[str]) -> Iterator[Trouble]:
    for request, times in Counter(map(alike, requests)).items():
        ways = BEFORE if request.startswith(("GET", "HEAD")) else {**BEFORE, **AFTER}
        yield from (Trouble(request, number, does) for number in range(times) for does in ways)


def affordable(troubles: Sequence[Trouble], most: int) -> Sequence[Trouble]:
    """So many of them, from different places; most happen after what was asked was done."""
    if in_campaign():
        return troubles
    # Sorted: requests are sent by several threads, and come in any order.
    after, before = (
        sorted((trouble for trouble in troubles if trouble.does in ways), key=repr) for ways in (AFTER, BEFORE)
    )
    return [*_evenly(after, most - most // 3), *_evenly(before, most // 3)]


def _evenly(troubles: Sequence[Trouble], most: int) -> Iterator[Trouble]:
    return (troubles[(2 * number + 1) * len(troubles) // (2 * most)] for number in range(most))


@dataclass(frozen=True)
class Store:
    """Where worlds are copied to: a bucket for each."""

    server: S3Server
    start: World

    def copied(self) -> World:
        bucket = f"lake-{uuid4()}"
        self.server.make_bucket(bucket)
        self.server.fill(bucket, self.start.folder)
        return replace(self.start, root=f"s3://{bucket}/lake")

    def state(self, story: Story, world: World) -> Mapping[str, Any]:
        """What the lake holds, read from a copy on a disk; the bucket is emptied."""
        bucket = world.root.split("/")[2]
        with tempfile.TemporaryDirectory() as folder:
            self.server.save(bucket, Path(folder))
            self.server.fill(bucket, Path(folder, "nothing"))
            return state(story, Lake(f"{folder}/lake"))

    def outcome(self, story: Story, trouble: Trouble, expected: Mapping[str, Any]) -> str:
        """What is wrong after the trouble and a second try; nothing, as it should be."""
        world = self.copied()
        try:
            # Whether it fails or not: what counts is what is left. But the operator has to be told a remedy.
            with self.server.faulty(trouble.fault), _impatient(trouble), suppress(ForeseenError):
                story.deed(world)
            if not self.server.answered:
                return "the request was not sent again"
            story.deed(world)
        except Exception as error:  # noqa: BLE001  # named, and the next trouble is tried
            return f"{type(error).__name__}: {error}"
        return ", ".join(differences(self.state(story, world), expected))


@contextmanager
def _impatient(trouble: Trouble) -> Iterator[None]:
    """Only where the store says nothing: an answer may take longer on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        if trouble.fault.status == SILENCE:
            patch.setitem(object_store.RETRY, "timeout", PATIENCE)
        yield


@pytest.fixture
def store(
    bucket: Lake, s3: S3Server, feed: Feed, mock_kafka: MockKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    # Small pieces, so that days are put aside in files.
    monkeypatch.setattr(day_pieces, "ROWS_AT_ONCE", 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "start").mkdir()
    return Store(s3, World(tmp_path / "start", mock_kafka.connection, feed))


def on_a_disk(start: World, story: Story) -> Mapping[str, Any]:
    folder = start.folder.with_name("calm")
    shutil.copytree(start.folder, folder)
    story.deed(replace(start, folder=folder))
    return state(story, Lake(str(folder / "lake")))


@pytest.mark.parametrize("name", ON_A_STORE)
def test_whatever_the_store_does_a_second_try_gives_the_same(name: str, store: Store) -> None:
    story = ON_A_STORE[name]
    story.before(store.start)
    expected = on_a_disk(store.start, story)
    calm = store.copied()
    store.server.requests()
    story.deed(calm)
    requests = store.server.requests()
    assert differences(store.state(story, calm), expected) == []

    troubles = list(troubles_of(requests))
    tried = affordable(troubles, MOST.get(name, 1))
    wrong = {trouble: said for trouble in tried if (said := store.outcome(story, trouble, expected))}

    print(f"{name}: {len(requests)} requests, {len(troubles)} troubles, {len(tried)} of them tried")
    assert wrong == {}


def test_without_its_guard_a_commit_that_was_called_failed_does_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quarantine has the rows of a batch that nobody was told of: they have to be replaced, not added."""
    monkeypatch.setattr(silver, "_append_once", lambda table, rows, number: table.append(rows, {BATCH: number}))
    story = ON_A_STORE["a batch"]
    story.before(store.start)
    expected = on_a_disk(store.start, story)
    commit = rf"{SILVER_QUARANTINE.name}/_delta_log/\d+\.json"
    store.server.requests()
    story.deed(store.copied())
    (request,) = {alike(one) for one in store.server.requests() if re.match(f"PUT .*{commit}", one)}

    found = store.outcome(story, Trouble(request, 0, "has done it and says error"), expected)

    assert found == SILVER_QUARANTINE.sql_name
