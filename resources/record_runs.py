"""Records on the local disk, in runs sorted by a key: a search finds thousands of keys among millions at once.

A run is a pair of files mapped into memory, so a search touches only the pages that it needs. A folder of runs covers
the numbers from 0 to some number without a gap. It can be deleted at any time: the next user fills it again.
Add here: how records are kept and found. Not here: what a record is.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Records = NDArray[np.void]

SMALL = 1_000_000
"""A part with fewer records is merged with its neighbours once there are MANY of them."""

MANY = 12

_PART = re.compile(r"(\d+)-(\d+)")


class RecordRuns:
    """The runs in one folder. A part `FIRST-LAST` holds the records of the numbers from FIRST to LAST, both included.

    `kind` is the dtype of a record. A part appears complete or not at all. Two processes add the same records for the
    same numbers; the second part is dropped.
    """

    def __init__(self, folder: Path, kind: np.dtype[np.void]) -> None:
        self.folder = folder
        self.kind = kind

    @property
    def covered(self) -> int | None:
        """The last number up to which there is no gap; None if there is nothing."""
        parts = self._parts()
        return _span(parts[-1])[1] if parts else None

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(_height(run) for run in self._runs())

    def add(self, last: int, pieces: Iterable[tuple[Keys, Records]]) -> None:
        """Add the records of the numbers after the covered ones, up to `last`, in pieces that fit in memory."""
        covered = self.covered
        first = 0 if covered is None else covered + 1
        self._put(f"{first}-{last}", pieces)
        self._merge()

    def find(self, keys: Keys) -> Records:
        """All records under these keys, in no particular order. The keys must be sorted and distinct."""
        found = [_found(run, keys) for run in self._runs()]
        return np.concatenate(found) if found else np.empty(0, self.kind)

    def drop(self) -> None:
        """Delete all records."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _put(self, name: str, pieces: Iterable[tuple[Keys, Records]]) -> None:
        made = self.folder / f".{uuid4()}"
        made.mkdir(parents=True)
        for number, (keys, records) in enumerate(piece for piece in pieces if len(piece[0])):
            order = np.argsort(keys, kind="stable")
            np.save(made / f"{number}.keys.npy", keys[order])
            np.save(made / f"{number}.npy", records[order])
        try:
            made.rename(self.folder / name)
        except OSError:
            shutil.rmtree(made)
            # Another process may have put the same part there; any other error is a fault of the disk.
            if not (self.folder / name).exists():
                raise

    def _merge(self) -> None:
        """Merge the small parts at the end, so that a search looks into few runs."""
        small: list[Path] = []
        for part in reversed(self._parts()):
            if sum(map(_height, _runs_of(part))) >= SMALL:
                break
            small.insert(0, part)
        if len(small) < MANY:
            return
        runs = [run for part in small for run in _runs_of(part)]
        keys, records = (np.concatenate([np.load(run.with_suffix(end)) for run in runs]) for end in _SUFFIXES)
        self._put(f"{_span(small[0])[0]}-{_span(small[-1])[1]}", [(keys, records)])
        for part in small:
            shutil.rmtree(part, ignore_errors=True)

    def _runs(self) -> Iterator[Path]:
        return (run for part in self._parts() for run in _runs_of(part))

    def _parts(self) -> list[Path]:
        """The parts that follow each other from 0 on; of parts with the same beginning, the longest."""
        if not self.folder.exists():
            return []
        names = filter(None, map(_PART.fullmatch, os.listdir(self.folder)))
        longest = dict(sorted((int(name[1]), int(name[2])) for name in names))
        parts, first = [], 0
        while first in longest:
            parts.append(self.folder / f"{first}-{longest[first]}")
            first = longest[first] + 1
        return parts


_SUFFIXES = (".keys.npy", ".npy")


def _span(part: Path) -> tuple[int, int]:
    first, last = part.name.split("-")
    return int(first), int(last)


def _runs_of(part: Path) -> list[Path]:
    """The runs of a part, each as the path of its records."""
    return [path for path in part.glob("*.npy") if not path.name.endswith(_SUFFIXES[0])]


def _height(run: Path) -> int:
    return int(np.load(run, mmap_mode="r").shape[0])


def _found(run: Path, keys: Keys) -> Records:
    held, records = np.load(run.with_suffix(_SUFFIXES[0]), mmap_mode="r"), np.load(run, mmap_mode="r")
    starts, ends = (np.searchsorted(held, keys, side) for side in ("left", "right"))
    counts = ends - starts
    before = np.cumsum(counts) - counts
    places = np.repeat(starts - before, counts) + np.arange(counts.sum())
    return np.asarray(records[places])
