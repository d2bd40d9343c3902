"""The home folder, and who may read it: it holds what customers did, logs and settings.

Add here: how the home is made. Not here: what lies in it (`settings` names the places).
"""

import os
from pathlib import Path

from resources.foreseen_error import ForeseenError

OWNER_ALONE = 0o700
INPUT, ARCHIVE = "input", "archive"
"""The folders into which people put files. They are there from the start: `cp FILE archive` would make a file of it."""
NOT_CHOSEN = (0o755, 0o775, 0o777)
"""What a folder gets that is made without a thought of who may read it."""


class HomeError(ForeseenError):
    """The home can't be made or used; the message names the setting."""


def make_home(home: Path) -> None:
    """Make the home and its folders for its owner alone, and close one of ours that is open as folders usually are.

    Any other mode was chosen: its owner has let somebody in. Raises HomeError if nothing can be written there.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(OWNER_ALONE, exist_ok=True)
    except OSError as error:
        raise HomeError(_unusable(home, f"{error.strerror}: {error.filename}")) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeError(_unusable(home, "it is not writable for you"))
    for folder in (home / INPUT, home / ARCHIVE):
        # A link may lead to a disk that is away now: nobody needs it to start.
        if not os.path.lexists(folder):
            folder.mkdir(exist_ok=True)
    found = home.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o7777 in NOT_CHOSEN:
        home.chmod(OWNER_ALONE)


def _unusable(home: Path, why: str) -> str:
    return (
        f"the home {home} can't be used, {why}. Set SALESINSIGHTS_HOME to a folder that you may write to, or make "
        "this one yours"
    )


def make_private(folder: Path) -> None:
    """Make a folder that no other user needs, and close one that is open to them."""
    folder.mkdir(OWNER_ALONE, parents=True, exist_ok=True)
    folder.chmod(OWNER_ALONE)


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, from its first byte on."""
    file.touch(0o600)
    file.chmod(0o600)
    file.write_text(text)
