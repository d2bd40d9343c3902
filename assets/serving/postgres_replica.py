"""Gold's tables in PostgreSQL, for tools that read a database: the same rows after each batch, in one transaction.

The version of each table is stored in the same database and committed with its rows. So the replica is never half
updated, and after a kill the next run goes on from what is there.
Add here: which tables are replicated, and how. Not here: how rows reach PostgreSQL (`resources.postgres`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg
import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.serving.duckdb_file import OF_USERS, SERVED, comments_of, served_tables
from assets.serving.table_diff import TableVersion, changes_since, version_of
from assets.stream.replicas import ReplicaError
from assets.tables import TABLES
from assets.tables.asset_specs import OWNERS, key_of
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.lake_table import LakeTable
from resources.postgres import PostgresError, PostgresTables, postgres_tables

SCHEMA = "salesinsights"
COPIES = "copies"
"""The table in PostgreSQL that holds the version of each other table."""

_COPIES_ARE = "The version of the lake's table that each table of this schema shows."
_COPIES_HOLD = {
    "table_name": "the table of this schema",
    "version": "the version of the lake's table",
    "fingerprint": "a hash of the columns and files of that version",
    "copied_at": "when the table was written from it (UTC)",
}
_COPIES = pl.Schema(
    {"table_name": pl.String(), "version": pl.Int64(), "fingerprint": pl.String(), "copied_at": UTC_MICROSECONDS}
)


@dataclass(frozen=True)
class PostgresReplica:
    """The replica in the database at `url`, which holds a secret and is kept out of the repr."""

    url: str = field(repr=False)

    @property
    def spec(self) -> dg.AssetSpec:
        return dg.AssetSpec(
            ["serving", "postgres"],
            deps=[key_of(layout) for layout in SERVED],
            description=f"Gold's tables in PostgreSQL, schema `{SCHEMA}`, updated after each batch.",
            group_name="serving",
            kinds={"postgres"},
            owners=OWNERS,
        )

    def is_behind(self, lake: Lake) -> bool:
        try:
            with postgres_tables(self.url, SCHEMA) as database:
                held = _held(database)
        except PostgresError as error:
            raise ReplicaError(f"can't read the versions in PostgreSQL: {error}") from error
        return any(held.get(name) != version_of(table) for name, table in served_tables(lake).items())

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        try:
            with postgres_tables(self.url, SCHEMA) as database:
                held = _held(database)
                database.describe(COPIES, _COPIES_ARE, _COPIES_HOLD)
                return {
                    name: _copy(lake, database, name, table, held, now) for name, table in served_tables(lake).items()
                }
        except (PostgresError, LakeError) as error:
            raise ReplicaError(f"PostgreSQL is behind gold: {error}") from error

    def rows_about(self, user_id: int) -> dict[str, int]:
        """How many rows each table has about a user. Raises ReplicaError."""
        try:
            with postgres_tables(self.url, SCHEMA) as database:
                return {layout.sql_name: database.count(layout.sql_name, "user_id", user_id) for layout in OF_USERS}
        except PostgresError as error:
            raise ReplicaError(f"PostgreSQL can't be searched: {error}") from error

    def renew(self, lake: Lake, now: datetime) -> None:
        """Nothing to do: a home says nowhere that it writes to this database."""


def _held(database: PostgresTables) -> dict[str, TableVersion]:
    database.ensure(COPIES, _COPIES, ["table_name"])
    return {str(name): TableVersion(int(str(version)), str(print_)) for name, version, print_ in _marks(database)}


def _marks(database: PostgresTables) -> list[tuple[object, ...]]:
    return database.rows(COPIES, ["table_name", "version", "fingerprint"])


def _copy(
    lake: Lake, database: PostgresTables, name: str, table: LakeTable, held: Mapping[str, TableVersion], now: datetime
) -> int:
    """Update one table; return the number of rows written and deleted."""
    mark, keys = version_of(table), table.layout.key
    if held.get(name) == mark:
        return 0
    database.ensure(name, table.layout.schema, keys)
    database.describe(name, *comments_of(TABLES[name]))
    changes = changes_since(lake, table, held.get(name))
    if changes is None:
        database.clear(name)
    else:
        database.delete(name, changes.gone)
    rows = changes.rows if changes else table.read()
    database.upsert(name, rows, keys)
    entry = {"table_name": name, **vars(mark), "copied_at": now}
    database.upsert(COPIES, pl.DataFrame([entry], schema=_COPIES), ["table_name"])
    return rows.height + (changes.gone.height if changes else 0)
