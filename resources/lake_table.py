"""One Delta Lake table: its layout, reads, appends and replacements, with the progress inside each commit.

Progress is a number under a name (a Delta application transaction), kept in the same commit as the rows. A table is
read and written through one handle: if a conflicting commit came first, our commit fails and changes nothing.

Add here: an operation on one table that every layer needs. Not here: how tables are found and created (`lake`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import polars as pl
from arro3.core import RecordBatchReader
from deltalake import (
    CommitProperties,
    DeltaTable,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from resources.adoption import check_files, exchanged
from resources.arrow_parts import in_parts, streamed
from resources.fence import delete_unnamed, fence_of, fence_property, newest, stands, unnamed_files
from resources.lake_errors import ConcurrentCommitError, FencedOffError, LakeError
from resources.leftovers import taken_back
from resources.object_store import ObjectGoneError, StoreError, one_line, refusals_named
from resources.parquet_marks import is_broken
from resources.superseding import SUPERSEDED_FROM
from resources.table_layout import PROPERTIES, RULE, TableLayout

_LOG_KEPT = "delta.logRetentionDuration"

ADDED_AT = "salesinsights.addedAt"
"""In the metadata of a column that a table got later: when, as ISO 8601 in UTC."""


def is_local(uri: str) -> bool:
    """Whether a root or a file is on a disk of this machine, not in an object store."""
    return "://" not in uri.removeprefix("file://")


Rows = pl.DataFrame | Iterator[pl.DataFrame]
_T = TypeVar("_T")


class LakeTable:
    """One table at one version. Reads see that version; a write moves the handle to its new version."""

    def __init__(self, layout: TableLayout, delta: DeltaTable) -> None:
        self.layout = layout
        self._delta = delta
        self._known: dict[str, int | None] = {}
        self._known_at = delta.version()

    @property
    def version(self) -> int:
        return self._delta.version()

    @property
    def id(self) -> str:
        """The table's own id, random; a copy of its folder has the same."""
        return str(self._delta.metadata().id)

    @property
    def is_local(self) -> bool:
        """Whether the table lies on a disk of this machine, not in an object store."""
        return is_local(self._delta.table_uri)

    @property
    def folder(self) -> Path:
        """Where a table on a disk of this machine lies."""
        return Path(unquote(self._delta.table_uri.removeprefix("file://")))

    @property
    def rule(self) -> int:
        """The number of the rule by which all rows are computed: the layout's, unless an older release made some."""
        return int(self._delta.metadata().configuration.get(RULE, 1))

    @property
    def fence(self) -> int:
        """The number of the newest fence in front of this handle, 0 before the first."""
        return fence_of(self._delta)

    def fence_off(self, number: int) -> None:
        """Put up a fence with this number, in a commit without rows: no handle that is older can commit any more.

        Raises ConcurrentCommitError if another fence came first.
        """
        self.annotate(fence_property(number))

    @property
    def is_fenced_off(self) -> bool:
        """Whether a fence was put up since this handle was loaded."""
        return fence_of(newest(self._delta)) != self.fence

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises LakeError for what can't be read in the block; FencedOffError if this handle is why: load another.

        Raises StoreError for what an object store refuses.
        """
        try:
            with refusals_named(self.layout.name, self._delta.table_uri, "read"):
                yield
        except LakeError as error:
            self.check_fence(error)
            raise
        # Each library has its own errors, and some have none. Polars even panics, which is not an Exception.
        except (Exception, pl.exceptions.PanicException) as error:
            self.check_fence(error)
            raise LakeError(
                f"{self.layout.name} can't be read: {one_line(error)}. If it stays so, run salesinsights repair"
            ) from error

    def check_fence(self, error: BaseException) -> None:
        """Raises FencedOffError if the error may come from this handle's age.

        A fence was put up since it was loaded, or the entries of the log that it stands on are no longer kept: Delta
        Lake reads them again at some questions, and who shortens the log deletes old ones.
        """
        # A store that is away would keep us waiting for it once more.
        if isinstance(error, FencedOffError | StoreError) and not isinstance(error, ObjectGoneError):
            return
        # If this look fails too, the caller raises the error that it has.
        with suppress(DeltaError, OSError):
            now = newest(self._delta)
            if fence_of(now) != self.fence:
                raise FencedOffError(
                    f"{self.layout.name} was rewritten meanwhile, since a user is being forgotten: run it again"
                ) from error
            if stands(now) and not stands(self._delta):
                raise FencedOffError(
                    f"{self.layout.name} is read from log entries that are no longer kept: run it again"
                ) from error

    def progress(self, name: str) -> int | None:
        """The number last committed under `name`; None if there is none."""
        # Delta Lake searches its log at each question, and a micro-batch asks some thirty times.
        if self._known_at != self.version:
            self._known, self._known_at = {}, self.version
        if name not in self._known:
            with self.reading():
                self._known[name] = self._delta.transaction_version(name)
        return self._known[name]

    def _remember(self, progress: Mapping[str, int], before: int) -> None:
        """Note what our own commit has set, if no other came between it and the version `before`."""
        if self._known_at == before and self.version == before + 1:
            self._known, self._known_at = {**self._known, **progress}, self.version

    def read(self, where: str | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows for which the SQL predicate `where` holds, in no particular order; statistics skip files.

        Of a table with `superseding`, only the rows that count: there `where` may name only columns of its key.
        """
        names = list(columns or self.layout.schema)
        with self.reading():
            return self._counting(where, names)

    def _counting(self, where: str | None, names: list[str]) -> pl.DataFrame:
        if self.layout.superseding is None or self.superseded_from is None:
            return self._framed(self._scan(names, where), names)
        day = self.layout.partition_by[0]
        more = [name for name in (*self.layout.superseding.columns, day) if name not in names]
        rows = self._framed(self._scan([*names, *more], where), [*names, *more])
        settled = pl.col(day) < self.superseded_from
        counting = self.layout.superseding.alive(rows.filter(~settled))
        return pl.concat([rows.filter(settled), counting]).select(names)

    @property
    def superseded_from(self) -> date | None:
        """The first day with rows that may not count; None if all rows count."""
        number = self.progress(SUPERSEDED_FROM)
        return date.fromordinal(number) if number else None

    @property
    def added_columns(self) -> dict[str, datetime]:
        """The columns that the table got later, and when (UTC): files from before lack them, and are read as null."""
        marked = {column.name: column.metadata.get(ADDED_AT) for column in self._delta.schema().fields}
        return {name: datetime.fromisoformat(str(added)) for name, added in marked.items() if added}

    @cached_property
    def columns(self) -> list[str]:
        """The layout's columns that this version has: one from before a release lacks what the release added."""
        return [column.name for column in self._delta.schema().fields if column.name in self.layout.schema]

    def _scan(self, names: Sequence[str], where: str | None) -> Any:
        held = [name for name in names if name in self.columns]
        return self._delta.scan(columns=held or self.columns[:1], predicate=where)

    def _framed(self, rows: Any, names: Sequence[str]) -> pl.DataFrame:
        frame, kinds = pl.DataFrame(rows), pl.Schema({name: self.layout.schema[name] for name in names})
        if frame.schema == kinds:
            return frame
        lacking = [pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in frame.columns]
        return frame.with_columns(lacking).select(names).cast(kinds)

    def stream(
        self, where: str | None, rows_at_once: int, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """What `read` gives, as it comes from the files, in frames of about `rows_at_once` rows: only one is held.

        Frames of large rows are smaller. Of a table with `superseding`, also the rows that do not count.
        """
        names = list(columns or self.layout.schema)
        with self.reading():
            for part in in_parts(self._scan(names, where), rows_at_once):
                yield self._framed(part, names)

    def files(self) -> pl.DataFrame:
        """One row per data file: path, size_bytes, num_records, and each column's statistics and partition value."""
        return pl.DataFrame(self._delta.get_add_actions(flatten=True))

    @property
    def days(self) -> list[date]:
        """The values of the partition column that the table holds, in order."""
        files = self.files()
        return sorted(set(files[self.layout.file_day])) if files.height else []

    @property
    def rows(self) -> int:
        """How many rows there are, by the files' statistics."""
        return int(self._delta.count())

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's properties: Delta Lake's own, and those set by `annotate`."""
        return dict(self._delta.metadata().configuration)

    def annotate(self, properties: Mapping[str, str]) -> None:
        """Set our own properties, in a commit without rows. Raises ConcurrentCommitError if another came first."""
        self._write(lambda: self._delta.alter.set_table_properties(dict(properties), raise_if_not_exists=False))

    def file_uris(self, where: str | None = None) -> list[str]:
        """The data files, or those that may hold rows for which `where` holds: paths, or URIs in an object store."""
        uris = self._delta.file_uris(file_pruning_predicate=where)
        # Delta Lake encodes what is unusual in a path, which no reader of files decodes.
        return [unquote(uri) if is_local(uri) else uri for uri in uris]

    def broken_files(self) -> pl.DataFrame:
        """The rows of `files` whose file is gone, of another size, or no Parquet, with its `place`. None in a store."""
        files = self.files()
        if files.is_empty() or not self.is_local:
            return files.clear().with_columns(place=pl.lit(None, pl.String))
        placed = files.with_columns(
            place=pl.Series([str(self.folder / unquote(path)) for path in files["path"]], dtype=pl.String)
        )
        broken = [is_broken(Path(place), size) for place, size in placed.select("place", "size_bytes").iter_rows()]
        return placed.filter(pl.Series(broken, dtype=pl.Boolean))

    def unnamed(self, places: Iterable[Path]) -> list[Path]:
        """Those of these files that the table's newest version does not name."""
        named = {Path(unquote(uri)).name for uri in newest(self._delta).file_uris()}
        return [place for place in places if place.name not in named]

    def drop_files(self, places: Iterable[str]) -> None:
        """Delete these files, and take them out of the table: their rows are gone."""
        for place in places:
            Path(place).unlink(missing_ok=True)
        self._write(self._delta.repair)

    def append(self, rows: Rows, progress: Mapping[str, int]) -> None:
        """Add `rows`, a frame or many that are written as they come, and set `progress`, in one commit.

        Commits even if there are no rows.
        Raises ConcurrentCommitError if another writer moved one of these names since this handle was loaded,
        LakeError if the table can't be written, and any error of the frames. After an error, nothing is added.
        """
        self._put(rows, progress, mode="append")

    def replace(self, rows: Rows, where: str | None, progress: Mapping[str, int]) -> None:
        """Replace the rows for which `where` holds (None: all rows) by `rows`, in one commit.

        Raises like `append`. Replacing by the same rows again changes no row.
        """
        self._put(rows, progress, mode="overwrite", predicate=where)

    def adopt(self, files: Sequence[AddAction], days: Collection[date], progress: Mapping[str, int]) -> None:
        """Take in data files that lie in the table's folder, in place of its rows of these `days`, in one commit.

        Raises ConcurrentCommitError if anybody has committed since this handle was loaded: Delta Lake sees neither
        which rows these files replace, nor rows that are appended beside them. Raises like `check_files` before.
        """
        check_files(self.layout, files, days, self.folder if self.is_local else None)
        actions = exchanged(self.layout, self.files(), days, files)
        self._write(
            lambda: self._delta.create_write_transaction(
                actions,
                "append",
                self._delta.schema(),
                list(self.layout.partition_by),
                commit_properties=_commit(progress, max_commit_retries=0),
            )
        )
        self._write(self._delta.update_incremental)

    def compact(self, days: Iterable[date], file_bytes: int | None = None) -> int:
        """Merge the small files of these days (of the whole table if it has no days); return how many files that saved.

        A file of at least `file_bytes` (by default 100 MB) is left alone, and none grows much larger.
        Raises ConcurrentCommitError if another writer replaced one of them meanwhile.
        """
        listed = [day.isoformat() for day in days]
        filters = [(self.layout.partition_by[0], "in", listed)] if self.layout.partition_by else None
        # Two at a time take twice the memory, and a core from the payments.
        how: dict[str, Any] = {"target_size": file_bytes, "max_concurrent_tasks": 1}
        how |= {"writer_properties": self.layout.files}
        done = self._write(lambda: self._delta.optimize.compact(filters, **how))
        return done["numFilesRemoved"] - done["numFilesAdded"]

    def checkpoint(self) -> None:
        """Write the state of this version as a checkpoint, and drop the log entries that nobody can need any more.

        The table's `delta.logRetentionDuration` says how long an entry is kept: longer than any writer holds a handle.
        """
        self._write(self._delta.create_checkpoint)
        self.shorten_log()

    def shorten_log(self) -> None:
        """Drop the log entries from before the last checkpoint that are older than the log is kept."""
        self._write(self._delta.cleanup_metadata)

    def vacuum(self, hours: int) -> list[str]:
        """Delete the files that no version of the last `hours` holds, including files that no commit ever named.

        Returns the deleted paths. Raises LakeError for fewer hours than the table's retention.
        """
        return self._write(lambda: self._delta.vacuum(hours, dry_run=False, full=True))

    def purge(self) -> None:
        """Keep only this version: delete the files that it does not name, and the log entries from before it.

        An older handle can then neither read nor commit; writers that come later are not disturbed. Raises
        ConcurrentCommitError if another writer came in between.
        """
        unnamed = self._write(lambda: unnamed_files(self._delta))
        self.annotate({_LOG_KEPT: "interval 0 seconds", **fence_property(self.fence + 1)})
        self._write(self._delta.create_checkpoint)
        self._write(self._delta.cleanup_metadata)
        self.annotate({_LOG_KEPT: PROPERTIES[_LOG_KEPT]})
        self._write(lambda: delete_unnamed(self._delta, unnamed))

    def _put(self, rows: Rows, progress: Mapping[str, int], **how: Any) -> None:
        failures: list[Exception] = []
        if isinstance(rows, pl.DataFrame):
            shaped: pl.DataFrame | RecordBatchReader = self._shaped(rows)
        else:
            shaped = streamed(map(self._shaped, rows), self.layout, failures)
        how |= {"commit_properties": _commit(progress), "writer_properties": self.layout.files}
        before = self.version
        try:
            self._write(lambda: write_deltalake(self._delta, shaped, target_file_size=self.layout.file_bytes, **how))
        # For frames that fail, Delta Lake has several errors, and one without a name.
        except Exception:
            if not failures:
                raise
        if failures:
            # What Delta Lake makes of it says less. Taken out of the list: Delta Lake's reader holds that, and an error
            # that leads back to itself by way of a library is never freed.
            raise failures.pop()
        self._remember(progress, before)

    def _shaped(self, rows: pl.DataFrame) -> pl.DataFrame:
        is_shaped = rows.schema == self.layout.schema
        return rows if is_shaped else rows.select(self.layout.schema.names()).cast(self.layout.schema)

    def _write(self, write: Callable[[], _T]) -> _T:
        try:
            with refusals_named(self.layout.name, self._delta.table_uri, "written"), self._leftovers():
                return write()
        except CommitFailedError as error:
            raise ConcurrentCommitError(
                f"another writer changed {self.layout.name} first, and nothing was written: run it again ({error})"
            ) from error
        except (DeltaError, OSError) as error:
            self.check_fence(error)
            raise LakeError(
                f"{self.layout.name} can't be written: {one_line(error)}. Check that the lake's folder exists and is "
                "writable, and that its disk has space; then run again: nothing was half-written"
            ) from error

    def _leftovers(self) -> AbstractContextManager[None]:
        """A failed write leaves no file on a disk. In a store the next vacuum deletes what no commit names."""
        return taken_back(self.folder) if self.is_local else nullcontext()


def _commit(progress: Mapping[str, int], max_commit_retries: int | None = None) -> CommitProperties:
    transactions = [Transaction(name, number) for name, number in progress.items()]
    return CommitProperties(app_transactions=transactions, max_commit_retries=max_commit_retries)
