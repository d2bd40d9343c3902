"""DuckDB, locked down: it reads no file outside the given folders, downloads nothing and keeps its settings.

Frames cross over as Arrow tables of arro3: pyarrow is not needed, and DuckDB holds on to no Polars object.

Add here: how a frame or a file reaches DuckDB, and how the answer returns. Not here: any query (`assets/*/*.sql`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl
from arro3.core import Table


class SqlError(ValueError):
    """A statement was refused; the message is DuckDB's own, or says that only a SELECT may run."""


@contextmanager
def duckdb_session(
    tables: Mapping[str, pl.DataFrame] | None = None,
    variables: Mapping[str, int] | None = None,
    setup: Sequence[str] = (),
    folders: Sequence[str] = (),
    memory_limit: str = "1GB",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees `tables`, `variables` and files in `folders`. `setup` runs before settings are locked."""
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{memory_limit}'")
        for name, frame in (tables or {}).items():
            connection.register(name, Table.from_arrow(frame))
        for name, number in (variables or {}).items():
            connection.execute(f"SET VARIABLE {name} = {int(number)}")
        _lock(connection, folders)
        for statement in setup:
            connection.execute(statement)
        connection.execute("SET lock_configuration = true")
        yield connection
    except duckdb.Error as error:
        raise SqlError(str(error)) from error
    finally:
        connection.close()


def _lock(connection: duckdb.DuckDBPyConnection, folders: Sequence[str]) -> None:
    quoted = ", ".join("'" + folder.replace("'", "''") + "'" for folder in folders)
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute(f"SET allowed_directories = [{quoted}]")
    connection.execute("SET enable_external_access = false")


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
