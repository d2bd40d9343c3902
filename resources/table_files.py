"""Reads a table's data files directly: cheaper than a query if few rows of many are wanted.

A data file of a Delta table never changes, so Polars can read it from the local disk: of an unwanted row it decodes one
column. In an object store, a predicate asks for the same rows. A file from before its table had a column lacks it: what
is read has the columns of the table's layout, null where the file lacks one.
Add here: a way to read that goes by files. Not here: which rows are wanted (`assets`).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake.exceptions import DeltaError

from resources.lake_errors import LakeError, VersionGoneError
from resources.lake_table import LakeTable, is_local
from resources.object_store import StoreError

_UNCOUNTED = (pl.Binary, pl.List)
"""Of these, Delta Lake keeps no statistics. No table has got such a column before added columns were marked."""


def rows_of(
    table: LakeTable, name: str, wanted: pl.Series, days: Iterable[date], columns: Sequence[str], near: str = "true"
) -> pl.DataFrame:
    """The rows of these days in which the column `name` is one of `wanted`, in no particular order.

    A file whose statistics say that `near` holds for none of its rows is not opened; of the others, all rows count.
    Raises LakeError if a file can't be read.
    """
    where = f"{table.layout.on_days(days)} AND ({near})"
    files = table.file_uris(where)
    if not files or wanted.is_empty():
        return pl.DataFrame(schema=table.layout.schema).select(columns)
    if not _is_local(files):
        return table.read(f"{where} AND {name} IN ({', '.join(map(_literal, wanted))})", columns)
    found = _scan(table, files).filter(pl.col(name).is_in(wanted.implode())).select(columns)
    return _collected(table, found)


def rows_that_differ(before: LakeTable, after: LakeTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of the files that only one of two versions of a table names: those of `before`, those of `after`.

    A row that was only written again is in both. Raises VersionGoneError if a file of the older version is gone,
    LakeError if one of the newer can't be read.
    """
    old, new = set(before.file_uris()), set(after.file_uris())
    if not _is_local(old | new):
        where = _where_they_differ(before, after)
        return _kept(before, lambda: before.read(where)), after.read(where)
    return _kept(before, lambda: _rows_in(before, old - new)), _rows_in(after, new - old)


def _kept(before: LakeTable, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `read` reads of an older version: its log may still be there when its files are gone."""
    try:
        return read()
    except StoreError:
        raise
    except (LakeError, DeltaError, OSError) as error:
        raise VersionGoneError(
            f"{before.layout.name} has lost a file of its version {before.version}: {error}"
        ) from error


def files_by_lacking(table: LakeTable) -> dict[tuple[str, ...], list[str]]:
    """The data files of a table on a local disk, by the columns of the layout that they lack; most lack none.

    A file has each column whose nulls the table's log counts in it. Only a file for which that is not known is opened:
    one from before a column was added, or of a table with more columns than the log counts. Raises LakeError if a file
    can't be read.
    """
    groups = dict[tuple[str, ...], list[str]]()
    files = table.files()
    if files.is_empty():
        return groups
    counts = [f"null_count.{name}" for name in _counted(table)]
    is_proven = pl.all_horizontal(pl.col(counts).is_not_null()) if set(counts) <= set(files.columns) else pl.lit(False)
    folder = table.folder
    for path, proven in files.select("path", is_proven).iter_rows():
        place = f"{folder}/{unquote(path)}"
        groups.setdefault(() if proven else _lacking(table, place), []).append(place)
    return groups


def _counted(table: LakeTable) -> list[str]:
    """The columns that a file may lack: added ones, and those whose nulls the log counts in each file that has them."""
    first = set(table.columns) - set(table.added_columns)
    return [
        name
        for name, kind in table.layout.schema.items()
        if name not in table.layout.partition_by and not (name in first and isinstance(kind, _UNCOUNTED))
    ]


def _lacking(table: LakeTable, place: str) -> tuple[str, ...]:
    with table.reading():
        held = pl.read_parquet_schema(place)
    return tuple(name for name in table.layout.schema if name not in held and name not in table.layout.partition_by)


def file_marks(table: LakeTable, days: Collection[date] | None = None) -> dict[date, list[str]]:
    """Per day (of `days` alone), a mark of each data file: path, and on a local disk its size and when it was written.

    So a file that is changed in its place gets another mark, except in an object store. One that is gone has only its
    path.
    """
    marks = dict[date, list[str]]()
    for path, day in sorted(_files(table).items()):
        if days is not None and day not in days:
            continue
        marks.setdefault(day, []).append(f"{path} {_stamp(table.folder / unquote(path)) if table.is_local else ''}")
    return marks


def _stamp(place: Path) -> tuple[int, int] | None:
    try:
        found = place.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _rows_in(table: LakeTable, files: set[str]) -> pl.DataFrame:
    if not files:
        return pl.DataFrame(schema=table.layout.schema)
    return _collected(table, _scan(table, sorted(files)).select(table.layout.schema.names()))


def _where_they_differ(before: LakeTable, after: LakeTable) -> str | None:
    """The days whose files differ, as a predicate; None (all rows) for a table without days."""
    if not after.layout.partition_by:
        return None
    old, new = (_files(table) for table in (before, after))
    differing = {day for path, day in old.items() ^ new.items()}
    return after.layout.on_days(differing) if differing else "false"


def _files(table: LakeTable) -> dict[str, date]:
    files = table.files()
    day = table.layout.file_day
    return dict(files.select("path", day).iter_rows()) if files.height else {}


def _is_local(files: Iterable[str]) -> bool:
    return all(map(is_local, files))


def _literal(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _scan(table: LakeTable, files: Sequence[str]) -> pl.LazyFrame:
    """The files with the layout's columns: null if a file lacks one. Delta Lake percent-encodes the files' names."""
    schema = table.layout.schema
    days = {name: schema[name] for name in table.layout.partition_by}
    return pl.scan_parquet(
        list(files),
        schema={name: kind for name, kind in schema.items() if name not in days},
        hive_partitioning=bool(days),
        hive_schema=days or None,
        missing_columns="insert",
        extra_columns="ignore",
        parallel="prefiltered",
    )


def _collected(table: LakeTable, rows: pl.LazyFrame) -> pl.DataFrame:
    with table.reading():
        return rows.collect()
