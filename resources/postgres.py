"""Writes frames to PostgreSQL: tables with a key, rows upserted by it, several tables in one transaction.

Add here: how rows reach the server. Not here: which tables (`assets.serving.postgres_replica`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from typing import Any

import polars as pl

SERVER_OPTIONS = "-c TimeZone=UTC -c lock_timeout=20s"
COPIED_ROWS = 200_000
"""How many rows are sent at once; this bounds the memory."""

_ISO = "%Y-%m-%dT%H:%M:%S%.6f+00"

_TYPES = {
    pl.Int64: "bigint",
    pl.String: "text",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
    pl.Float64: "double precision",
    pl.Boolean: "boolean",
}

_NO_NUL = pl.col(pl.String).str.replace_all("\0", "\ufffd", literal=True)
"""PostgreSQL can't store a NUL in a text."""


class PostgresError(RuntimeError):
    """The database refused or can't be reached; the message holds no password."""


class PostgresTables:
    """The tables of one schema within one transaction."""

    def __init__(self, connection: Any, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def ensure(self, name: str, columns: pl.Schema, key: Sequence[str]) -> None:
        """Create the table if it is missing, and add the columns that it lacks.

        A table with all columns is not touched: ALTER TABLE would wait for everybody who reads it.
        """
        held = self._columns(name)
        listed = [f'"{column}" {_sql_type(kind)}' for column, kind in columns.items() if column not in held]
        if not held:
            self._do(f"CREATE TABLE {self._named(name)} ({', '.join(listed)}, PRIMARY KEY ({_listed(key)}))")
        elif listed:
            self._do(f"ALTER TABLE {self._named(name)} {', '.join(f'ADD COLUMN {column}' for column in listed)}")

    def describe(self, name: str, text: str, columns: Mapping[str, str]) -> None:
        """Comment on the table and its columns, where the comment is another one."""
        wanted = {"": text, **columns}
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(a.attname, ''), d.description FROM pg_description d LEFT JOIN pg_attribute a "
                "ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0 "
                "WHERE d.classoid = 'pg_class'::regclass AND d.objoid = %s::regclass",
                [self._named(name)],
            )
            held = dict(cursor.fetchall())
            for column, comment in wanted.items():
                if held.get(column) != comment:
                    on = f'COLUMN {self._named(name)}."{column}"' if column else f"TABLE {self._named(name)}"
                    cursor.execute(f"COMMENT ON {on} IS %s", [comment])

    def _columns(self, name: str) -> list[str]:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                [self._schema, name],
            )
            return [column for (column,) in cursor.fetchall()]

    def rows(self, name: str, columns: Sequence[str]) -> list[tuple[object, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {_listed(columns)} FROM {self._named(name)}")  # noqa: S608
            return cursor.fetchall()

    def count(self, name: str, column: str, value: int) -> int:
        """How many rows have this number in the column; 0 if there is no such table or column."""
        if column not in self._columns(name):
            return 0
        with self._connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM {self._named(name)} WHERE "{column}" = %s', [value])  # noqa: S608
            return int(cursor.fetchone()[0])

    def clear(self, name: str) -> None:
        """Delete every row."""
        self._do(f"DELETE FROM {self._named(name)}")  # noqa: S608

    def upsert(self, name: str, rows: pl.DataFrame, key: Sequence[str]) -> None:
        """Insert each row, or replace the row that has its key."""
        others = [column for column in rows.columns if column not in key]
        changed = ", ".join(f'"{column}" = excluded."{column}"' for column in others)
        with self._incoming(name, rows):
            self._do(
                f"INSERT INTO {self._named(name)} ({_listed(rows.columns)}) SELECT {_listed(rows.columns)} "  # noqa: S608
                f"FROM incoming ON CONFLICT ({_listed(key)}) DO UPDATE SET {changed}"
            )

    def delete(self, name: str, keys: pl.DataFrame) -> None:
        """Delete the rows with these keys."""
        same = " AND ".join(f'kept."{column}" = incoming."{column}"' for column in keys.columns)
        with self._incoming(name, keys):
            self._do(f"DELETE FROM {self._named(name)} AS kept USING incoming WHERE {same}")  # noqa: S608

    @contextmanager
    def _incoming(self, name: str, rows: pl.DataFrame) -> Iterator[None]:
        """These rows as the temporary table `incoming`."""
        shape = f"SELECT {_listed(rows.columns)} FROM {self._named(name)} WITH NO DATA"  # noqa: S608
        self._do(f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS {shape}")
        with self._connection.cursor() as cursor:
            for part in rows.with_columns(_NO_NUL).iter_slices(COPIED_ROWS):
                text = BytesIO()
                part.write_csv(text, include_header=False, quote_style="non_numeric", datetime_format=_ISO)
                text.seek(0)
                cursor.copy_expert("COPY incoming FROM STDIN WITH (FORMAT csv)", text)
        yield
        self._do("DROP TABLE incoming")

    def _named(self, name: str) -> str:
        return f'"{self._schema}"."{name}"'

    def _do(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def postgres_tables(url: str, schema: str) -> Iterator[PostgresTables]:
    """The tables of a schema, in one transaction: committed at the end, or not at all. Creates a missing schema.

    Raises PostgresError if the server does not answer or refuses, or the driver is not installed.
    """
    try:
        import psycopg2
    except ImportError as missing:
        raise PostgresError("the driver is missing: pip install 'salesinsights[postgres]'") from missing
    try:
        options = {
            "connect_timeout": 5,
            "tcp_user_timeout": 30_000,
            "options": SERVER_OPTIONS,
            "application_name": "salesinsights",
            "client_encoding": "UTF8",
        }
        with closing(psycopg2.connect(url, **options)) as connection, connection:
            encoding = connection.get_parameter_status("server_encoding")
            if encoding != "UTF8":
                raise PostgresError(
                    f"PostgreSQL: the database's encoding is {encoding}, which can't hold every brand: create one with "
                    "ENCODING 'UTF8' TEMPLATE template0, and set SALESINSIGHTS_POSTGRES to it"
                )
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('salesinsights'))")
                # Even IF NOT EXISTS needs the right to create schemas; we need that right only the first time.
                cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE SCHEMA "{schema}"')
            yield PostgresTables(connection, schema)
    except psycopg2.Error as error:
        # If the driver can't parse the address, its message quotes a part, and with it the password.
        is_address = isinstance(error, psycopg2.ProgrammingError) and error.pgcode is None
        fact = "this is not an address that the driver understands" if is_address else str(error).strip()
        raise PostgresError(f"PostgreSQL: {fact}; check SALESINSIGHTS_POSTGRES") from None


def _listed(columns: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _sql_type(kind: pl.DataType) -> str:
    if isinstance(kind, pl.Decimal):
        return f"numeric({kind.precision},{kind.scale})"
    return _TYPES[type(kind)]
