"""Where the query of a table stands: in a file of the table's name, in the room that computes it.

Add here: nothing else. Not here: a query (the `.sql` files).
"""

from functools import cache
from pathlib import Path

from resources.lake_table import TableLayout

_ROOMS = Path(__file__).parent.parent


def sql_of(layout: TableLayout) -> str:
    """The query that computes a table. Raises ValueError where there is none, or more than one."""
    return _read(layout.name.split("/")[-1])


@cache
def _read(name: str) -> str:
    (found,) = _ROOMS.rglob(f"{name}.sql")
    return found.read_text()
