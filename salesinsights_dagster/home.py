"""The home folder, and who may read it: it holds what customers did, logs and settings.

Add here: how the home is made. Not here: what lies in it (`settings` names the places).
"""

import stat
from pathlib import Path

OWNER_ALONE = 0o700


def make_home(home: Path) -> None:
    """Make the home, for its owner alone. One that is there keeps its mode: its owner may have let others in."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(OWNER_ALONE, exist_ok=True)


def make_private(folder: Path) -> None:
    """Make a folder that no other user needs, and close one that is open to them."""
    folder.mkdir(OWNER_ALONE, parents=True, exist_ok=True)
    folder.chmod(OWNER_ALONE)


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, from its first byte on."""
    file.touch(0o600)
    file.chmod(0o600)
    file.write_text(text)


def is_open_to_others(home: Path) -> bool:
    """Whether other users of this machine can look into the home."""
    return bool(home.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
