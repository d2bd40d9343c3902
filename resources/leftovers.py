"""Files that a failed write leaves on the local disk: taken back, so that one that is tried again fills no disk.

Delta Lake writes the data files first, and then the commit that names them. Add here: what a failed write leaves.
Not here: files that no version needs any more (`LakeTable.vacuum`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from resources.held_folders import alone, held

_SLACK = 60.0
"""Seconds. The clock of the disk may differ by so much from ours."""


@contextmanager
def taken_back(folder: Path) -> Iterator[None]:
    """If the block fails, delete what was written into a table's folder since its start and no commit names.

    Everybody who writes to the table holds its folder. While somebody else does, the files stay: they may be theirs.
    """
    begun = time.time()
    with held(folder) as place:
        try:
            yield
        except BaseException:
            with alone(place) as is_alone, suppress(OSError, DeltaError):
                if is_alone:
                    _delete(folder, begun)
            raise


def _delete(folder: Path, begun: float) -> None:
    log = folder / "_delta_log"
    written = [path for path in _data_files(folder) if path.stat().st_mtime >= begun - 1]
    commits = [path for path in log.glob("*.json") if path.stat().st_mtime >= begun - _SLACK]
    named = b"\n".join(path.read_bytes() for path in commits if path.is_file())
    # The commit of a file may be gone already, if somebody purged the table meanwhile: then a checkpoint has it.
    held = "\n".join(DeltaTable(str(folder)).file_uris()).encode()
    for path in written:
        name = path.name.partition("#")[0].encode()
        if name not in named and name not in held:
            path.unlink(missing_ok=True)


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("_"):
            yield from _data_files(path)
        elif ".parquet" in path.name:
            yield path
