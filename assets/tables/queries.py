"""Where the query of a table stands: in a file of the table's name, in the room that computes it.

Add here: nothing else. Not here: a query (the `.sql` files), or an expression of several (`macros.sql`).
"""

import re
from functools import cache
from pathlib import Path

from resources.table_layout import TableLayout

_ROOMS = Path(__file__).parent.parent

_MACRO = re.compile(r"^CREATE MACRO (\w+).*?;$", re.MULTILINE | re.DOTALL)


@cache
def macros() -> str:
    """The expressions that the queries share. A session that runs one of them needs these."""
    return Path(__file__).with_name("macros.sql").read_text()


def sql_of(layout: TableLayout) -> str:
    """The query that computes a table. Raises ValueError where there is none, or more than one."""
    return _read(layout.name.split("/")[-1])


def definition_of(layout: TableLayout) -> str:
    """The query with the macros that it calls: rows computed by another text may differ."""
    return with_macros(sql_of(layout))


def with_macros(query: str) -> str:
    """A query and the macros that it calls, and those that they call: all of the text that says what it computes."""
    known = {found[1]: found[0] for found in _MACRO.finditer(macros())}
    called, text = dict[str, str](), query
    while more := {name: one for name, one in known.items() if name not in called and f"{name}(" in text}:
        called |= more
        text = "\n".join(more.values())
    return "\n".join([query, *(known[name] for name in known if name in called)])


@cache
def _read(name: str) -> str:
    (found,) = _ROOMS.rglob(f"{name}.sql")
    return found.read_text()
