"""Each call of the product to the lake, to Kafka and to the disk, noted; one of them fails, before or after its effect.

A call that fails after its effect is ambiguous: it has happened, and its caller is told that it has not.
Add here: a kind of call, or how one can fail. Not here: what the product does, or what must hold afterwards.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

import polars as pl
import psycopg2
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from psycopg2.extensions import connection

from resources import fence, kafka_topics, kafka_writer, lake, topic_claim
from resources.kafka_reader import KafkaReader
from resources.lake_table import LakeTable
from resources.postgres import PostgresTables
from tests.campaign import in_campaign

BEFORE, AFTER, REFUSED = "before", "after", "after, as refused"
"""When a call fails. A commit can also have happened and be called refused, since another writer came first: so says
Delta Lake if a store that has committed answers with an error, and the repeated request then finds the commit's place
taken."""

_PRODUCT = tuple(f"/{package}/" for package in ("assets", "resources", "sensors", "salesinsights_dagster"))
_ON_DISK = ((os, ("link", "replace", "fsync", "utime")), (Path, ("unlink",)), (pl.DataFrame, ("write_ipc",)))


@dataclass(frozen=True)
class Call:
    """What is done to what, from which place of the code, and how many like it came before.

    Threads may come in any order: so a call is known by these, and not by its place in the row of all calls.
    """

    deed: str
    to: str
    place: str
    number: int


@dataclass(frozen=True)
class Fault:
    """A call that fails, and when."""

    call: Call
    when: str


class Calls:
    """Notes the calls that are made, and lets one of them fail."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.made: list[Call] = []
        self.has_failed = False
        self._fault = fault
        self._known = Counter[tuple[str, str, str]]()
        self._lock = Lock()

    def make(self, deed: str, to: str, do: Callable[[], Any], failure: Callable[[str], Exception]) -> Any:
        """Do it, and fail if it is its turn; `failure` makes the error that the caller would get."""
        call = self._noted(deed, to)
        if self._fault is None or self._fault.call != call:
            return do()
        self.has_failed = True
        if self._fault.when == BEFORE:
            raise failure("it fails before its effect")
        do()
        if self._fault.when == AFTER:
            raise failure("it fails after its effect")
        raise CommitFailedError("a commit of this number exists already")

    def _noted(self, deed: str, to: str) -> Call:
        place = _place()
        with self._lock:
            number = self._known[deed, to, place]
            self._known[deed, to, place] += 1
            call = Call(deed, to, place, number)
            self.made.append(call)
        return call


def _place() -> str:
    """The nearest function outside of `resources`, and the line in `resources` that it leads to, if there is one."""
    outer, inner = sys._getframe(3), None
    while outer.f_back and not _is_at(outer, "/assets/"):
        inner = outer if _is_at(outer, "/resources/") and inner is None else inner
        outer = outer.f_back
    led = f" > {inner.f_code.co_qualname}:{inner.f_lineno}" if inner else ""
    return f"{outer.f_code.co_qualname}{led}"


def _is_at(frame: FrameType, folder: str) -> bool:
    name = frame.f_code.co_filename
    return folder in name and "/tests/" not in name


@contextmanager
def watched(calls: Calls) -> Iterator[None]:
    """Note the calls of the block, and let the one fail."""
    with pytest.MonkeyPatch.context() as patch:
        _watch_lake(patch, calls)
        _watch_kafka(patch, calls)
        _watch_postgres(patch, calls)
        _watch_disk(patch, calls)
        yield


def _watch_lake(patch: pytest.MonkeyPatch, calls: Calls) -> None:
    write, reading = LakeTable._write, LakeTable.reading

    def written(table: LakeTable, do: Callable[[], Any]) -> Any:
        return write(table, lambda: calls.make("write", table.layout.name, do, DeltaError))

    @contextmanager
    def read(table: LakeTable) -> Iterator[None]:
        with reading(table):
            calls.make("read", table.layout.name, lambda: None, DeltaError)
            yield

    class Loaded(DeltaTable):
        def __init__(self, table_uri: str, *more: Any, **named: Any) -> None:
            name = "/".join(Path(table_uri).parts[-2:])
            calls.make("load", name, lambda: super(Loaded, self).__init__(table_uri, *more, **named), DeltaError)

    patch.setattr(LakeTable, "_write", written)
    patch.setattr(LakeTable, "reading", read)
    for module in (lake, fence):
        patch.setattr(module, "DeltaTable", Loaded)


def _watch_kafka(patch: pytest.MonkeyPatch, calls: Calls) -> None:
    for name in ("state", "_read_chunk"):
        patch.setattr(KafkaReader, name, _noting(calls, "ask", getattr(KafkaReader, name), name, silence))
    patch.setattr(kafka_topics, "AdminClient", _noting_class(calls, AdminClient, ("create_topics",)))
    patch.setattr(topic_claim, "Consumer", _noting_class(calls, Consumer, ("committed", "get_watermark_offsets")))
    sent = ("init_transactions", "begin_transaction", "produce", "send_offsets_to_transaction")
    ended = ("commit_transaction", "abort_transaction")
    patch.setattr(kafka_writer, "Producer", _noting_class(calls, Producer, (*sent, *ended)))


def silence(what: str) -> KafkaException:
    """What librdkafka raises if the broker does not answer."""
    return KafkaException(KafkaError(KafkaError._TRANSPORT, what))


def _noting_class(calls: Calls, kind: type[Any], names: Iterable[str]) -> type[Any]:
    return type(kind.__name__, (kind,), {n: _noting(calls, "send", getattr(kind, n), n, silence) for n in names})


def _noting(
    calls: Calls, deed: str, real: Callable[..., Any], name: str, failure: Callable[[str], Exception]
) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        return calls.make(deed, name, lambda: real(*arguments, **named), failure)

    return noted


def _watch_postgres(patch: pytest.MonkeyPatch, calls: Calls) -> None:
    connect, refusal = psycopg2.connect, psycopg2.OperationalError

    class Committing(connection):
        def __exit__(self, *error: Any) -> Any:
            return calls.make("send", "commit", lambda: super(Committing, self).__exit__(*error), refusal)

    patch.setattr(psycopg2, "connect", lambda *to, **how: connect(*to, connection_factory=Committing, **how))
    for name in ("_do", "_columns", "rows"):
        patch.setattr(PostgresTables, name, _noting(calls, "send", getattr(PostgresTables, name), name, refusal))


def _watch_disk(patch: pytest.MonkeyPatch, calls: Calls) -> None:
    for owner, names in _ON_DISK:
        for name in names:
            patch.setattr(owner, name, _of_product(calls, getattr(owner, name), name))


def _of_product(calls: Calls, real: Callable[..., Any], name: str) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        caller = sys._getframe(1).f_code.co_filename
        if "/tests/" in caller or not any(package in caller for package in _PRODUCT):
            return real(*arguments, **named)
        return calls.make("disk", name, lambda: real(*arguments, **named), OSError)

    return noted


def faults_of(made: Sequence[Call]) -> list[Fault]:
    """Every way in which one of these calls can fail. What a read that fails has read, nobody gets."""
    return [Fault(call, when) for call in made for when in _MOMENTS.get(call.deed, (BEFORE,))]


_MOMENTS = {"write": (BEFORE, AFTER, REFUSED), "disk": (BEFORE, AFTER), "send": (BEFORE, AFTER)}


def affordable(faults: Sequence[Fault], most: int) -> Sequence[Fault]:
    """About so many of these faults, always the same ones, from different places; in a campaign, all of them.

    Two thirds fail after their effect. A call that fails before it leaves what the call before it left.
    """
    if in_campaign():
        return faults
    firsts = {(fault.call.deed, fault.call.place, fault.when): fault for fault in reversed(faults)}.values()
    before, after = ([fault for fault in firsts if (fault.when == BEFORE) == is_before] for is_before in (True, False))
    return [*_evenly(after, most * 2 // 3), *_evenly(before, most - most * 2 // 3)]


def _evenly(faults: Sequence[Fault], most: int) -> Sequence[Fault]:
    return [faults[number * len(faults) // most] for number in range(min(most, len(faults)))]
