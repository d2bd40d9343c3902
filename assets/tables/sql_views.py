"""Every table as a view for read-only SQL, all of one moment.

Add here: what an analyst's session sees. Not here: DuckDB's locks (`resources.duckdb_engine`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from assets.tables import TABLES
from assets.tables.queries import macros
from assets.tables.table import FOLLOWING, Table
from resources.duckdb_engine import SqlError, duckdb_session
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_files import files_by_lacking
from resources.table_layout import TableLayout

_SQL_TYPES = {
    "Boolean": "BOOLEAN",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "Float64": "DOUBLE",
    "String": "VARCHAR",
    "Binary": "BLOB",
    "Date": "DATE",
    "List(Date)": "DATE[]",
    "List(Int64)": "BIGINT[]",
    "List(String)": "VARCHAR[]",
    "Datetime(time_unit='us', time_zone='UTC')": "TIMESTAMPTZ",
}


def open_tables(lake: Lake, statement: str | None = None) -> dict[str, LakeTable]:
    """A handle of each table, the last to be committed first: what one of them holds is then in those before it.

    With a `statement`, only of the tables that it may name.
    """
    named = {name: layout for name, layout in TABLES.items() if statement is None or name in statement}
    return {name: lake.table(layout) for name, layout in reversed(named.items())}


@contextmanager
def sql_session(
    lake: Lake,
    tables: Mapping[str, LakeTable] | None = None,
    variables: Mapping[str, int] | None = None,
    memory_limit: str = "2GB",
    statement: str | None = None,
    folders: Sequence[str] = (),
    setup: Sequence[str] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked DuckDB in which each table of the lake is a view, with the macros of the queries.

    DuckDB reads an object store only with an extension that it would download: there the tables are loaded into memory,
    those that `statement` names if it is given. `folders` may be touched too, and `setup` runs at the end of the start.
    Raises FencedOffError if a user was forgotten meanwhile, and files are gone.
    """
    opened = tables or open_tables(lake, None if lake.is_local else statement)
    try:
        yield from _session(lake, opened, variables, memory_limit, statement, folders, setup)
    except SqlError as error:
        if isinstance(error.__cause__, duckdb.IOException):
            for table in opened.values():
                table.check_fence(error)
        raise


def _session(
    lake: Lake,
    opened: Mapping[str, LakeTable],
    variables: Mapping[str, int] | None,
    memory_limit: str,
    statement: str | None,
    folders: Sequence[str],
    setup: Sequence[str],
) -> Iterator[duckdb.DuckDBPyConnection]:
    if not lake.is_local:
        named = [name for name in opened if statement is None or name in statement]
        rows = dict(zip(named, lake.at_once(lambda name: opened[name].read(), named), strict=True))
        with duckdb_session(rows, variables, setup, folders, memory_limit, macros()) as connection:
            yield connection
        return
    views = [_view(name, table) for name, table in opened.items()]
    reachable = [lake.root, *folders]
    with duckdb_session(None, variables, [*views, *setup], reachable, memory_limit, macros()) as connection:
        yield connection


def _view(name: str, table: LakeTable) -> str:
    view = f"CREATE VIEW {name} AS {view_body(table)}"
    return f"{view}; COMMENT ON VIEW {name} IS '{_empty_comment(table.layout)}'" if table.files().is_empty() else view


def view_body(table: LakeTable) -> str:
    """A SELECT of the table's data files, with its declared columns, and only the rows that count.

    DuckDB would take the columns of the first file, and fail at any other. Its option `union_by_name` opens every file
    at each query; its `schema` allows no partitions.
    """
    groups = files_by_lacking(table)
    body = _files_body(table.layout, groups) if groups else _empty_body(table.layout)
    superseding, since = table.layout.superseding, table.superseded_from if table.layout.superseding else None
    if superseding is not None and since is not None:
        day = table.layout.partition_by[0]
        settled, open_ = f"{body} WHERE {day} < DATE '{since}'", f"{body} WHERE {day} >= DATE '{since}'"
        body = f"{settled} UNION ALL ({open_} {superseding.sql})"
    return body


def _empty_comment(layout: TableLayout) -> str:
    """What DuckDB's `duckdb_views()` says of a table without rows: it may only not be computed yet."""
    if not isinstance(layout, Table) or layout.cadence not in FOLLOWING:
        return f"{layout.name} has no rows"
    sources = " and ".join(layout.made_from)
    return f"{layout.name} has no rows. Where {sources} has some, `salesinsights refresh` computes it"


def _files_body(layout: TableLayout, groups: Mapping[tuple[str, ...], Sequence[str]]) -> str:
    alike = [_alike_body(layout, lacking, files) for lacking, files in groups.items()]
    return alike[0] if len(alike) == 1 else f"SELECT * FROM ({' UNION ALL '.join(alike)})"  # noqa: S608


def _alike_body(layout: TableLayout, lacking: Collection[str], files: Sequence[str]) -> str:
    columns = ", ".join(
        _null(column, kind) if column in lacking else f'"{column}"' for column, kind in layout.schema.items()
    )
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    days = ", ".join(f"{column}: DATE" for column in layout.partition_by)
    hive = f", hive_partitioning = true, hive_types = {{{days}}}" if days else ""
    return f"SELECT {columns} FROM read_parquet([{listed}]{hive})"  # noqa: S608


def _empty_body(layout: TableLayout) -> str:
    columns = ", ".join(_null(column, kind) for column, kind in layout.schema.items())
    return f"SELECT {columns} WHERE false"


def _null(column: str, kind: pl.DataType) -> str:
    return f'NULL::{_sql_type(str(kind))} AS "{column}"'


def _sql_type(kind: str) -> str:
    if kind.startswith("Decimal("):
        return kind.replace("precision=", "").replace("scale=", "").upper()
    return _SQL_TYPES[kind]
