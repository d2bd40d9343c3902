"""A gold table back to Kafka: each changed row is a message of a compacted topic.

The value is the row, and the version of the table that it was read from; a tombstone if the row is gone. Messages are
published at least once, by one writer at a time, in the order of versions: so the newest message of each key is the
current row, also after kills and resends. Two lakes would mix their rows: so the lake that publishes claims the topic,
and another one is refused. The claim is committed with the messages and says which version they lead to: what the lake
itself notes afterwards may be lost, and then a row that changed twice meanwhile would not be missed.
Add here: how a table is published. Not here: which tables are (`sales_topic` and its kind), or how their changes are
found (`table_diff`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import dagster as dg
import polars as pl
from confluent_kafka import KafkaException

from assets.events.contract import UTC_MICROSECONDS
from assets.serving.table_diff import TableVersion, changes_since, version_of
from assets.stream.replicas import ReplicaError
from assets.tables import SALES_TOPIC
from assets.tables.asset_specs import OWNERS, key_of
from assets.tables.table import Table
from assets.tables.topics import table_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader, KafkaUnavailableError
from resources.kafka_topics import ensure_topic
from resources.kafka_writer import Message, SoleWriter
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, LakeError
from resources.lake_table import LakeTable
from resources.topic_claim import Claim, read_claim

READ_ROWS = 200_000

FRESH = timedelta(minutes=10)
"""A claim that was not renewed for so long no longer keeps another lake from the topic."""

RENEWED_AFTER = timedelta(minutes=3)


@dataclass(frozen=True)
class TableTopic:
    """The topic `name` in the cluster of `connect`; `open_reader` opens a topic of that cluster.

    A subclass says which `source` it shows, by which `key`, and what Dagster tells of it: the asset's name, and `what`.

    `host` is the name of this machine: the same path on another machine is a different lake.
    """

    name: str
    connect: Callable[[], KafkaConnection]
    host: str = "this machine"
    open_reader: Callable[[KafkaConnection, str], KafkaReader] = KafkaReader

    source: ClassVar[Table]
    key: ClassVar[tuple[str, ...]]
    asset: ClassVar[str]
    what: ClassVar[str]
    setting: ClassVar[str]

    @property
    def spec(self) -> dg.AssetSpec:
        return dg.AssetSpec(
            ["kafka", self.asset],
            deps=[key_of(self.source)],
            description=self.what.format(topic=self.name),
            group_name="serving",
            kinds={"kafka"},
            owners=OWNERS,
        )

    def is_behind(self, lake: Lake) -> bool:
        """Asks the lake alone. A deleted topic is noticed only when gold changes again.

        A shop that has never had a row gets no topic.
        """
        _, held = _held(lake.table(SALES_TOPIC), self.name)
        source = lake.table(self.source)
        return held != version_of(source) if held or source.rows else False

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        """Raises ReplicaError also if another lake publishes to the topic."""
        with self._failing_as("is behind gold"):
            return self._catch_up(lake, now)

    def renew(self, lake: Lake, now: datetime) -> None:
        """Renew this lake's claim on the topic if it has not been renewed for RENEWED_AFTER."""
        with self._failing_as("may be claimed by another lake"):
            connection, ledger = self.connect(), lake.table(SALES_TOPIC)
            claim = read_claim(connection, self.name)
            if claim and claim.holder == self._holder(lake, ledger) and now - claim.at >= RENEWED_AFTER:
                self._sole_writer(connection, lake, ledger, now)

    @contextmanager
    def _failing_as(self, outcome: str) -> Iterator[None]:
        try:
            yield
        except (KafkaException, KafkaUnavailableError, LakeError) as error:
            raise ReplicaError(f"topic {self.name} {outcome}: {error}") from error

    def _catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        connection = self.connect()
        ensure_topic(connection, table_topic(self.name))
        reader = self.open_reader(connection, self.name)
        ledger, source = lake.table(SALES_TOPIC), lake.table(self.source)
        # From here on nobody else publishes under this name, so what the lake says about the topic stays true.
        writer, claim = self._sole_writer(connection, lake, ledger, now)
        topic_id, held = _published(claim) or _held(ledger, self.name)
        state, mark = reader.state(), version_of(source)
        changes = changes_since(lake, source, held) if topic_id == state.topic_id else None
        rows = changes.rows if changes else source.read()
        gone = _json_of(changes.gone, self.key) if changes else _keys_to_take_back(reader, source, self.key)
        told = rows.drop(self.source.partition_by).with_columns(version=pl.lit(mark.version))
        writer.publish(_messages(told, gone, self.key), replace(claim, note=_note_of(state.topic_id, mark)))
        counts = {"rows": rows.height, "tombstones": len(gone)}
        entry = {"topic": self.name, "topic_id": state.topic_id, **vars(mark), **counts, "published_at": now}
        self._note(ledger, [entry])
        return {**counts, "version": mark.version}

    def _sole_writer(
        self, connection: KafkaConnection, lake: Lake, ledger: LakeTable, now: datetime
    ) -> tuple[SoleWriter, Claim]:
        """The topic's only writer, for this lake, and its claim. Raises ReplicaError if another lake has claimed it.

        A claim that is not fresh any more is taken over. The other lake has changed what the topic holds: so what this
        lake knows of it is dropped first, and the next publication writes the whole topic.
        """
        holder = self._holder(lake, ledger)
        self._claim_so_far(connection, holder, now)
        # This fences off every other writer: so it must not come before the first look, and a second one must follow.
        writer = SoleWriter(connection, self.name)
        known = self._claim_so_far(connection, holder, now)
        is_taken_over = known is not None and known.holder != holder
        if is_taken_over:
            self._note(ledger, [])
        claim = Claim(holder, now, known.note if known and not is_taken_over else "")
        writer.claim(claim)
        return writer, claim

    def _claim_so_far(self, connection: KafkaConnection, holder: str, now: datetime) -> Claim | None:
        """The claim on the topic. Raises ReplicaError if it is another lake's, and fresh."""
        claim = read_claim(connection, self.name)
        if claim is not None and claim.holder != holder and now - claim.at < FRESH:
            raise ReplicaError(
                f"topic {self.name} belongs to {claim.holder}, which said so at {claim.at:%Y-%m-%d %H:%M:%S} UTC: in "
                f"one of the two homes set {self.setting} to another name or to `off`. If that home is gone, "
                f"this one goes on {FRESH // timedelta(minutes=1)} minutes after that time; nothing was published"
            )
        return claim

    def _holder(self, lake: Lake, ledger: LakeTable) -> str:
        """This lake and no other: a copy has the same id at another place; another place may have the same path."""
        place = f"{Path(lake.root).resolve()} on {self.host}" if lake.is_local else lake.root
        return f"the lake {place} (id {ledger.id})"

    def _note(self, ledger: LakeTable, entries: list[dict[str, object]]) -> None:
        """Set what this lake knows of the topic."""
        try:
            name = self.name.replace("'", "''")
            ledger.replace(pl.DataFrame(entries, schema=SALES_TOPIC.schema), f"topic = '{name}'", {})
        except ConcurrentCommitError as other:
            raise ReplicaError(f"another run publishes to {self.name}") from other


def _held(ledger: LakeTable, topic: str) -> tuple[str, TableVersion | None]:
    """The id of the topic that was last published to, and the version that it holds."""
    rows = ledger.read(columns=["topic", "topic_id", "version", "fingerprint"]).filter(topic=topic).rows()
    return (rows[0][1], TableVersion(rows[0][2], rows[0][3])) if rows else ("", None)


def _note_of(topic_id: str, mark: TableVersion) -> str:
    return f"{topic_id} {mark.version} {mark.fingerprint}"


def _published(claim: Claim) -> tuple[str, TableVersion] | None:
    """What `_held` says, by the claim; None if it was written by an older release, or without a publication."""
    match claim.note.split(" "):
        case [topic_id, version, fingerprint]:
            return topic_id, TableVersion(int(version), fingerprint)
    return None


def _keys_to_take_back(reader: KafkaReader, source: LakeTable, key: Sequence[str]) -> pl.Series:
    """The keys whose row is in the topic but not in the table, found by reading the whole topic."""
    state = reader.state()
    newest = pl.DataFrame(schema={"key": pl.Binary, "is_row": pl.Boolean})
    for chunk in reader.read(state.start, state.end, READ_ROWS):
        messages = chunk.messages.select("key", is_row=pl.col("value").is_not_null())
        newest = newest.vstack(messages).unique("key", keep="last", maintain_order=True)
    rows = newest.filter(pl.col("is_row"), pl.col("key").is_not_null())
    return rows["key"].filter(~rows["key"].is_in(_json_of(source.read(columns=key), key).implode()))


def _messages(told: pl.DataFrame, gone: pl.Series, key: Sequence[str]) -> Iterator[Message]:
    yield from zip(_json_of(told, key), _json_of(told, told.columns), strict=True)
    yield from ((one, None) for one in gone)


def _json_of(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """These columns as one JSON object per row; money is text, so that no reader takes it for a float."""
    text = rows.select(columns).with_columns(
        pl.col(pl.Decimal).cast(pl.String), pl.col(UTC_MICROSECONDS).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    )
    return text.select(pl.struct(pl.all()).struct.json_encode().cast(pl.Binary)).to_series()
