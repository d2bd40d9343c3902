"""Delta Lake tables under one root: found, created, updated to their layout.

Add here: what holds for all tables of a lake. Not here: work on one table (`lake_table`), or which tables there are
(`assets`).
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from deltalake import DeltaTable, Field
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from resources import object_store
from resources.lake_errors import ConcurrentCommitError, LakeError, VersionGoneError, again_on_conflict
from resources.lake_table import ADDED_AT, LakeTable, is_local
from resources.object_store import one_line, refusals_named
from resources.reader_features import check_features, refused_feature
from resources.table_layout import PROPERTIES, RULE, TableLayout

AT_ONCE = 8
"""Tables at a time. Work on a table in an object store is dozens of requests, and most of it is waiting for answers."""

# While Delta Lake's writer waits for rows, it holds one of the library's own threads. Rows that are read from the lake
# meanwhile need another: with as many threads as cores, its default, both wait for ever where there is one core.
os.environ.setdefault("TOKIO_WORKER_THREADS", str(4 * (os.cpu_count() or 1)))

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Tables(Protocol):
    """Where a table's handle comes from."""

    def table(self, layout: TableLayout) -> LakeTable: ...


class Lake:
    """All tables under one root, a folder or an object-store URI. `now` dates the columns that are added to a table."""

    def __init__(
        self,
        root: str,
        storage_options: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.root = root
        self._now = now
        remote = Path(tempfile.gettempdir()) / f"salesinsights-{hashlib.sha256(root.encode()).hexdigest()[:16]}"
        self.scratch = Path(root) / "_scratch" if self.is_local else remote
        """A local folder for files that can be made again; not part of the lake's content."""
        self._options = {**({} if self.is_local else object_store.RETRY), **(storage_options or {})} or None
        self._known: set[str] = set()

    @property
    def is_local(self) -> bool:
        """Whether the lake is a folder on this machine, not in an object store."""
        return is_local(self.root)

    def uri(self, layout: TableLayout) -> str:
        return f"{self.root.rstrip('/')}/{layout.name}"

    def at_once(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """`work` of each item, in their order: AT_ONCE at a time in an object store, one after the other on a disk."""
        if self.is_local:
            return [work(item) for item in items]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, items))

    def table(self, layout: TableLayout, version: int | None = None) -> LakeTable:
        """The table at its newest version, created if it is missing; or at an older `version`, only to read.

        Adds the columns and properties that are new in the layout. Raises LakeError if the table can't be read, created
        or updated to the layout, or if another engine changed how it must be read. Raises VersionGoneError if the older
        version is no longer kept.
        """
        try:
            with self._refusals(layout, "read"):
                delta = DeltaTable(self.uri(layout), version, storage_options=self._options)
        except (DeltaError, OSError) as error:
            if version is not None:
                raise VersionGoneError(f"{layout.name} has no version {version} any more: {one_line(error)}") from error
            if isinstance(error, TableNotFoundError):
                return self._create(layout)
            raise refused_feature(layout.name, error) or LakeError(
                f"{layout.name} can't be read at {self.uri(layout)}: {one_line(error)}. "
                f"Check that {'folder' if self.is_local else 'place'}, or set SALESINSIGHTS_LAKE"
            ) from error
        check_features(layout.name, delta)
        if version is None and layout.name not in self._known:
            # The processes of a new release start together, and each brings the table to its layout.
            with self._refusals(layout, "updated"):
                again_on_conflict(lambda: self._evolve(layout, delta), delta.update_incremental)
            self._known.add(layout.name)
        return LakeTable(layout, delta)

    def _refusals(self, layout: TableLayout, did: str) -> AbstractContextManager[None]:
        return refusals_named(layout.name, self.uri(layout), did)

    def _evolve(self, layout: TableLayout, delta: DeltaTable) -> None:
        """Add the columns and properties that are new in the layout; existing rows have null in a new column.

        A column's own metadata says when it was added, in the same commit.
        Raises LakeError, and changes nothing, if a column of the table is unknown to the layout or has another type;
        ConcurrentCommitError if another commit came first.
        """
        held, wanted = ({column.name: column for column in schema.fields} for schema in (delta.schema(), layout.delta))
        for name, column in held.items():
            if name not in wanted:
                raise LakeError(f"{layout.name} has a column {name} that this release does not know: use a later one")
            if column.type != wanted[name].type:
                raise LakeError(
                    f"{layout.name}.{name} is {column.type} in the lake and {wanted[name].type} in this release: "
                    "a column can't change its type; give the new column another name"
                )
        mark = {ADDED_AT: self._now().isoformat()}
        added = [
            Field(name, column.type, nullable=column.nullable, metadata=mark)
            for name, column in wanted.items()
            if name not in held
        ]
        properties = {**PROPERTIES, **layout.properties}
        try:
            if added:
                delta.alter.add_columns(added)
            if properties.items() - delta.metadata().configuration.items():
                delta.alter.set_table_properties(properties)
        except CommitFailedError as error:
            raise ConcurrentCommitError(f"{layout.name} can't be updated to this release: {error}") from error

    def _create(self, layout: TableLayout) -> LakeTable:
        if self.is_local:
            self._make_folder(layout)
        try:
            with self._refusals(layout, "created"):
                delta = self._created(layout)
        except (DeltaError, OSError) as error:
            raise LakeError(f"{layout.name} can't be created at {self.uri(layout)}: {one_line(error)}") from error
        return LakeTable(layout, delta)

    def _created(self, layout: TableLayout) -> DeltaTable:
        try:
            return DeltaTable.create(
                self.uri(layout),
                layout.delta,
                mode="ignore",
                partition_by=list(layout.partition_by),
                description=layout.description,
                configuration={**PROPERTIES, **layout.properties, RULE: str(layout.rule)},
                raise_if_key_not_exists=False,
                storage_options=self._options,
            )
        except CommitFailedError:
            return DeltaTable(self.uri(layout), storage_options=self._options)

    def _make_folder(self, layout: TableLayout) -> None:
        try:
            Path(self.uri(layout)).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(
                f"the lake's folder can't be written: {error}. Make {self.root} writable, or set SALESINSIGHTS_LAKE"
            ) from error


class OpenTables:
    """Tables that are loaded once and then kept: a handle moves on only by its own commits, or by `refresh`.

    They are loaded in the given order, each table before its source: so rows made from an older version of the source
    never replace newer rows.
    """

    def __init__(self, lake: Lake, layouts: Sequence[TableLayout]) -> None:
        self.lake = lake
        self._held: dict[str, LakeTable] = {}
        self.refresh(layouts)

    def table(self, layout: TableLayout) -> LakeTable:
        return self._held[layout.name]

    def again(self, layouts: Sequence[TableLayout]) -> "OpenTables":
        """Tables of the same lake with handles of their own, for another thread."""
        return OpenTables(self.lake, layouts)

    def annotate(self, layout: TableLayout, properties: Mapping[str, str]) -> None:
        """Set properties of a table through a handle that is then dropped: the kept handle does not move."""
        again_on_conflict(lambda: self.lake.table(layout).annotate(properties))

    def refresh(self, layouts: Sequence[TableLayout]) -> None:
        """Load these tables again, in this order."""
        self._held.update((layout.name, self.lake.table(layout)) for layout in layouts)
