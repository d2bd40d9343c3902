"""A fence in a table's log: once it stands, no handle that was loaded before it can commit.

It is a change of the table's properties, which Delta Lake lets no open commit pass. So it needs no lock, it holds in
object stores and between machines, and who dies after putting one up blocks nobody.
Add here: how a fence is kept, and what is deleted behind one. Not here: when one is needed (`assets`).
"""

from collections.abc import Iterable
from contextlib import suppress

from deltalake import DeltaTable
from deltalake._internal import DeltaFileSystemHandler
from deltalake.exceptions import DeltaError

_FENCE = "salesinsights.fence"


def fence_of(delta: DeltaTable) -> int:
    """The number of the newest fence in front of this handle, 0 if there is none."""
    return int(delta.metadata().configuration.get(_FENCE) or 0)


def fence_property(number: int) -> dict[str, str]:
    """The property whose change is the fence."""
    return {_FENCE: str(number)}


def newest(delta: DeltaTable) -> DeltaTable:
    """The newest version of a handle's table."""
    return DeltaTable(delta.table_uri, storage_options=delta._storage_options)


def stands(delta: DeltaTable) -> bool:
    """Whether the log still holds the entries that this handle was loaded from."""
    try:
        # Delta Lake reads them again at this question, whatever the name.
        delta.transaction_version(_FENCE)
    except DeltaError:
        return False
    return True


def unnamed_files(delta: DeltaTable) -> list[str]:
    """The data files in the table's folder that its version does not name: replaced ones, and those of open commits."""
    return delta.vacuum(0, dry_run=True, full=True, enforce_retention_duration=False)


def delete_unnamed(delta: DeltaTable, files: Iterable[str]) -> None:
    """Delete those of `files` that the table does not name.

    Safe beside writers only if a fence was put up after they were listed: whoever had written one of them can't commit
    it any more. A vacuum would list again, and delete what a writer is about to commit.
    """
    named = {_name(uri) for uri in delta.file_uris()}
    folder = DeltaFileSystemHandler.from_table(delta._table, delta._storage_options)
    for path in files:
        if _name(path) not in named:
            with suppress(FileNotFoundError):
                folder.delete_file(path)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
