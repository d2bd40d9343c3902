"""The errors of a lake's tables, and what to do after a conflict.

Add here: an error that says how a read or a commit went. Not here: what an object store refuses (`object_store`).
"""

from collections.abc import Callable
from typing import TypeVar

from resources.foreseen_error import ForeseenError

_T = TypeVar("_T")


class LakeError(ForeseenError):
    """The lake can't be read or written; the message says what failed and what to do."""


class VersionGoneError(LakeError):
    """The version of a table that was asked for is no longer kept."""


class ConcurrentCommitError(LakeError):
    """Another writer committed first; this commit changed nothing."""


class FencedOffError(ConcurrentCommitError):
    """A handle is too old: what it read may be gone, and it can't commit any more.

    A fence was put up since it was loaded, or the log entries that it was loaded from are no longer kept.
    """


class ProgressMovedError(LakeError):
    """Another run has done this work; there is nothing left to do here."""


def again_on_conflict(work: Callable[[], _T], refresh: Callable[[], object] = lambda: None, attempts: int = 10) -> _T:
    """Do `work`, again while another commit conflicts with it; `work` or `refresh` loads its handles again."""
    for _ in range(attempts - 1):
        try:
            return work()
        except ConcurrentCommitError:
            refresh()
    return work()
