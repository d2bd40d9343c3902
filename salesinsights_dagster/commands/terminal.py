"""Where progress is shown: stderr, so that what a command prints can be piped.

Add here: what several commands show alike. Not here: a command.
"""

from rich.console import Console


def terminal() -> Console:
    return Console(stderr=True)
