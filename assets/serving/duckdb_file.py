"""serving.duckdb: the lake's tables in one file, for tools that have a DuckDB driver and can't read Delta Lake.

Small tables of gold are copied. All others, with all of their days, are views of the lake's data files, so they cost
nothing and are as incremental as the lake.

Add here: what the file holds. Not here: how a tool connects to it (docs/serving.md).
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb

from assets.progress.batch_snapshot import batch_snapshot
from assets.tables import PRODUCT_SALES, TABLES
from assets.tables.asset_specs import OWNERS, RARE, key_of, with_lineage
from assets.tables.sql_views import sql_session, view_body
from assets.tables.table import Table
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.lake_errors import FencedOffError, LakeError, again_on_conflict
from resources.lake_table import LakeTable

WINDOW_DAYS = 31
"""How many newest days of product_sales the file holds; product_sales_daily has all days."""

_RECENT = {
    "product_sales": f" WHERE event_date > (SELECT max(event_date) - {WINDOW_DAYS} FROM product_sales)",  # noqa: S608
}

ALL_WINDOWS = "product_sales_all_days"
"""A view: what the file's copy of product_sales lacks."""

SERVED = tuple(table for table in TABLES.values() if table.is_served)

_VIEWED = {**{table.sql_name: table for table in TABLES.values() if not table.is_served}, ALL_WINDOWS: PRODUCT_SALES}
"""What is a view in the file, under its name there."""

OF_USERS = tuple(table for table in SERVED if "user_id" in table.schema)
"""Those with rows of single users."""

SERVING = dg.AssetSpec(
    ["serving", "duckdb"],
    deps=[key_of(layout) for layout in SERVED if key_of(layout) not in RARE],
    description=f"All tables in one DuckDB file, for BI tools: gold copied (product_sales has its last {WINDOW_DAYS} "
    "days), the others as views of the lake's files.",
    group_name="serving",
    kinds={"duckdb"},
    owners=OWNERS,
)


@dataclass(frozen=True)
class ServingFile:
    """Where the file is."""

    path: Path


def publish_serving(lake: Lake, path: Path) -> dict[str, int]:
    """Replace the last file by a new one; return the number of rows of each table. Idempotent.

    A reader that has the old file open still sees its rows. The daily tables cover the same batch. Raises LakeError;
    the last file then stays, but for a new one that can't be opened as a reader does. If a user is forgotten meanwhile,
    it starts again.
    """
    return again_on_conflict(lambda: _publish(lake, path))


def _publish(lake: Lake, path: Path) -> dict[str, int]:
    new = path.with_name(f"{path.name}.new")
    for left in (new, new.with_name(f"{new.name}.wal")):
        left.unlink(missing_ok=True)
    opened = served_tables(lake)
    # DuckDB reads an object store only with an extension that it would download.
    viewed = {name: lake.table(layout) for name, layout in _VIEWED.items()} if lake.is_local else {}
    attach = f"ATTACH '{str(new).replace(chr(39), chr(39) * 2)}' AS serving"
    with sql_session(lake, opened, folders=[str(path.parent)], setup=[attach]) as connection:
        for name in opened:
            connection.execute(f"CREATE TABLE serving.{name} AS SELECT * FROM {name}{_RECENT.get(name, '')}")  # noqa: S608
            _comment(connection, "TABLE", name, TABLES[name])
        for name, table in viewed.items():
            connection.execute(f"CREATE VIEW serving.{name} AS {view_body(table)}")
            _comment(connection, "VIEW", name, _VIEWED[name])
        rows = {name: _count(connection, name) for name in opened}
        connection.execute("DETACH serving")
    if any(table.is_fenced_off for table in [*opened.values(), *viewed.values()]):
        raise FencedOffError(f"a user is being forgotten, and {path} would still hold them: run it again")
    # A writer's log beside the old file would belong to the new one, and no reader could open it.
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    os.replace(new, path)
    _open_as_a_reader(path, [*opened, *viewed])
    return rows


def comments_of(table: Table) -> tuple[str, dict[str, str]]:
    """What the table and each of its columns hold, as the replicas say it."""
    rows = f" One row per {', '.join(table.key)}." if table.key else ""
    return f"{table.description}{rows}", {column: table.describe(column) for column in table.schema}


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, name: str, table: Table) -> None:
    said, columns = comments_of(table)
    connection.execute(f"COMMENT ON {kind} serving.{name} IS {_text(said)}")
    for column, held in columns.items():
        connection.execute(f'COMMENT ON COLUMN serving.{name}."{column}" IS {_text(held)}')


def _text(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"


def _open_as_a_reader(path: Path, names: Iterable[str]) -> None:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            for name in names:
                connection.execute(f"SELECT * FROM {name} LIMIT 0")  # noqa: S608
    except duckdb.Error as error:
        raise LakeError(
            f"{path} was published and can't be opened: {error}. Remove it; the next run writes it"
        ) from error


def rows_about(path: Path, user_id: int) -> dict[str, int]:
    """How many rows each table of the file has about a user. Raises LakeError if the file can't be read."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            held = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
            names = [layout.sql_name for layout in OF_USERS if layout.sql_name in held]
            count = "SELECT count(*) FROM {} WHERE user_id = ?"
            return {name: connection.execute(count.format(name), [user_id]).fetchall()[0][0] for name in names}
    except duckdb.Error as error:
        raise LakeError(f"{path} can't be searched: {error}. Remove it; the next run writes it") from error


def served_tables(lake: Lake) -> Mapping[str, LakeTable]:
    """Gold's tables under their names in SQL; the daily ones cover the same batch."""
    daily = batch_snapshot(lake)
    return {table.sql_name: daily.tables.get(table.name) or lake.table(table) for table in SERVED}


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(query(connection, f"SELECT count(*) AS rows FROM serving.{name}").item())  # noqa: S608


@with_lineage
@dg.multi_asset(name="serving", specs=[SERVING])
def serving(lake: dg.ResourceParam[Lake], serving_file: dg.ResourceParam[ServingFile]) -> dg.MaterializeResult:
    """Publish gold's tables."""
    rows = publish_serving(lake, serving_file.path)
    size = serving_file.path.stat().st_size
    return dg.MaterializeResult(metadata={**rows, "bytes": size, "path": dg.MetadataValue.path(str(serving_file.path))})
