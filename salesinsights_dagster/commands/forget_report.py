"""The answer of `salesinsights forget`: what was found where, what is kept and how to remove that, what is left.

Add here: a place that the command looks into or names. Not here: how rows are found (`assets.upkeep.user_search`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.settings import Settings

if TYPE_CHECKING:
    from assets.upkeep.forget_user import Forgotten
    from resources.lake import Lake

SHOWN = 20
"""How many other users of the user's visits are named."""

_LINES = "delete the lines, or the file; if it is read again, the user's events from before now are dropped"
_UNREAD = "it can't be read as events: look for the user in it, and delete it"

Counts = Mapping[str, Mapping[str, int]]
"""Rows about the user, by place and table."""


@dataclass(frozen=True)
class Kept:
    """What still is about the user, on purpose: where, how much (None: not known), and how to remove it."""

    where: str
    rows: int | None
    remedy: str

    @property
    def line(self) -> str:
        counted = "" if self.rows is None else f", {self.rows:,} rows"
        return f"{self.where}{counted}: {self.remedy}"


@dataclass(frozen=True)
class Copy:
    """A copy of gold outside the lake: how it is searched, and brought up to date."""

    name: str
    rows_about: Callable[[int], dict[str, int]]
    update: Callable[[], object]


def copies_of(lake: "Lake", settings: Settings, now: datetime) -> list[Copy]:
    """The copies of gold with rows of single users. Their functions raise LakeError and ReplicaError."""
    from assets.serving.duckdb_file import publish_serving, rows_about
    from assets.serving.postgres_replica import PostgresReplica

    file, found = settings.serving_file, list[Copy]()
    if file.exists():
        found.append(Copy(file.name, lambda user: rows_about(file, user), lambda: publish_serving(lake, file)))
    if settings.postgres:
        replica = PostgresReplica(settings.postgres)
        found.append(Copy("PostgreSQL", replica.rows_about, lambda: replica.catch_up(lake, now)))
    return found


def searched(copies: list[Copy], user_id: int) -> dict[str, dict[str, int]]:
    """The rows about the user in each copy that has any. Raises Failure for one that can't be searched."""
    from assets.stream.replicas import ReplicaError

    try:
        counted = {copy.name: copy.rows_about(user_id) for copy in copies}
    except ReplicaError as error:
        raise Failure(f"{error}. Nothing counts as forgotten until every copy is searched: run this again") from error
    return {name: held for name, rows in counted.items() if (held := {table: n for table, n in rows.items() if n})}


def updated(copies: list[Copy]) -> None:
    """Bring the copies up to date. Raises Failure for one that can't be."""
    from assets.stream.replicas import ReplicaError

    try:
        for copy in copies:
            copy.update()
    except ReplicaError as error:
        raise Failure(f"the lake has forgotten the user, but {error}. Run this again") from error


def kept(settings: Settings, done: "Forgotten", user_id: int, now: datetime) -> Iterator[Kept]:
    """What no command of ours removes, and how it is removed."""
    from assets.tables import ABANDONED_CARTS, AUDIENCE_MEMBERS, RECOVERED_CARTS
    from assets.upkeep.user_files import files_about

    yield Kept(
        f"Kafka, topic {settings.topic}",
        None,
        "its messages stay until the topic's retention ends (retention.ms, or kafka-delete-records); read again, "
        "those of the user from before now are dropped",
    )
    of_users = (
        (settings.audience_topic, AUDIENCE_MEMBERS),
        (settings.carts_topic, ABANDONED_CARTS),
        (settings.recovered_topic, RECOVERED_CARTS),
    )
    for topic in (name for name, table in of_users if name and done.found.get(table.sql_name)):
        yield Kept(
            f"Kafka, topic {topic}",
            None,
            "the stream's next run takes the user's messages back; Kafka's compaction then deletes them",
        )
    inbox = settings.input_folder
    folders = [settings.archive_folder, inbox, inbox / "archive", inbox / "rejected"]
    for path, lines in files_about(folders, user_id, now):
        yield Kept(str(path), lines, _UNREAD if lines is None else _LINES)
    for day in done.exports:
        yield Kept(f"user_features_{day}.parquet, wherever it was exported to", None, "delete it, and export it again")
    for other, events in done.sessions.head(SHOWN).iter_rows():
        yield Kept(
            f"user {other}, in visits of this user", events, f"if it is the same person: salesinsights forget {other}"
        )
    if done.sessions.height > SHOWN:
        yield Kept(f"{done.sessions.height - SHOWN:,} more users in visits of this user", None, "as above")
    yield Kept(
        "backups, and older versions in an object store or a database that keeps them",
        None,
        "delete those from before now; VACUUM FULL frees PostgreSQL's dead rows",
    )


@dataclass(frozen=True)
class Answer:
    """The whole answer; `left` is empty if the user is gone."""

    rows: int
    days: list[str]
    found: Mapping[str, int]
    copies: Counts
    kept: list[Kept]
    undecided: Mapping[str, int]
    left: Counts

    def facts(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.rows:,} messages and lines of {len(self.days)} days are gone"
        for name, rows in self.found.items():
            yield f"  {name}: {rows:,} rows"
        for copy, tables in self.copies.items():
            yield f"  {copy}: " + ", ".join(f"{name} {rows:,} rows" for name, rows in tables.items())
        if not self.left:
            yield "older versions are deleted; searched again: nothing about the user is left in any table or copy"
        if self.days:
            yield (
                "segments and expected sales are empty until Dagster has recomputed them, within minutes; "
                "`salesinsights refresh` does it at once"
            )
        for reason, rows in self.undecided.items():
            yield (
                f"not decided: {rows:,} messages in quarantine ({reason}) can't be read and have no key that tells "
                "whose they are. Set SCHEMA_REGISTRY_URL if they are Avro, run salesinsights quarantine replay, and "
                "then this again"
            )
        yield "kept, and how to remove it:"
        yield from (f"  {one.line}" for one in self.kept)
