"""DuckDB, locked down: it reads no file outside the given folders, downloads nothing and keeps its settings.

Frames cross over as Arrow tables of arro3: pyarrow is not needed, and DuckDB holds on to no Polars object.

Add here: how a frame or a file reaches DuckDB, and how the answer returns. Not here: any query (`assets/*/*.sql`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import duckdb
import polars as pl
from arro3.core import Table

from resources.foreseen_error import ForeseenError

SMALL_ROWS = 100_000
"""Rows of a session that has no database of its own."""


class SqlError(ForeseenError):
    """A statement was refused; the message is DuckDB's own, or says that only a SELECT may run."""


@contextmanager
def duckdb_session(
    tables: Mapping[str, pl.DataFrame] | None = None,
    variables: Mapping[str, int] | None = None,
    setup: Sequence[str] = (),
    folders: Sequence[str] = (),
    memory_limit: str = "1GB",
    macros: str = "",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees `tables`, `variables` and files in `folders`. `setup` runs before settings are locked.

    `macros` are CREATE MACRO statements. Small sessions share the database in which they ran once.
    """
    tables = tables or {}
    is_small = not setup and not folders and sum(frame.height for frame in tables.values()) <= SMALL_ROWS
    connection = _shared_database(macros).cursor() if is_small else _database(memory_limit, macros)
    try:
        for name, frame in tables.items():
            connection.register(name, Table.from_arrow(frame))
        for name, number in (variables or {}).items():
            connection.execute(f"SET VARIABLE {name} = {int(number)}")
        if not is_small:
            _lock(connection, folders, setup)
        yield connection
    except duckdb.Error as error:
        raise SqlError(str(error)) from error
    finally:
        connection.close()


@cache
def _shared_database(macros: str) -> duckdb.DuckDBPyConnection:
    """A database without tables that lives as long as the process: a new one costs ten times what a small query costs.

    What a session registers belongs to its cursor, and is gone with it. Large sessions would share the memory limit.
    """
    connection = _database("1GB", macros)
    # For so few rows, other threads cost more than they help.
    connection.execute("SET threads = 1")
    _lock(connection, (), ())
    return connection


def _database(memory_limit: str, macros: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(macros)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute(f"SET memory_limit = '{memory_limit}'")
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, folders: Sequence[str], setup: Sequence[str]) -> None:
    quoted = ", ".join("'" + folder.replace("'", "''") + "'" for folder in folders)
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute(f"SET allowed_directories = [{quoted}]")
    connection.execute("SET enable_external_access = false")
    for statement in setup:
        connection.execute(statement)
    connection.execute("SET lock_configuration = true")


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    """The rows of one SELECT.

    Raises SqlError with DuckDB's message, or if `sql` is anything but one SELECT.
    """
    try:
        statements = connection.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise SqlError("write exactly one SELECT: the tables are read-only")
        answer = connection.sql(sql)
        return pl.DataFrame(Table.from_arrow(answer))
    except duckdb.Error as error:
        raise SqlError(str(error)) from error
