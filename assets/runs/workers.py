"""Where bulk work runs, as a resource: with an engine on its workers, else in the run itself.

Add here: nothing else. Not here: how an engine carries out tasks (`resources.engine`), or what a task does.
"""

from dataclasses import dataclass

from resources.engine import Engine


@dataclass(frozen=True)
class Workers:
    """The engine, if there is one."""

    engine: Engine | None = None
