"""`dagster dev` with our web server in place of Dagster's own, which it offers no option for.

Add here: what else `dagster dev` starts differently. Not here: what our server does (`dagster_web`).
"""

from collections.abc import Sequence
from subprocess import Popen
from typing import Any

from dagster import _cli
from dagster._cli import dev
from dagster_shared.ipc import open_ipc_subprocess

THEIRS, OURS = "dagster_webserver", "salesinsights_dagster.dagster_web"


def main() -> None:
    """The command `dagster`. If a later one starts its server otherwise, `DagsterProcess.await_ready` refuses it."""
    dev.open_ipc_subprocess = _open_ours  # type: ignore[attr-defined]
    _cli.main()


def _open_ours(parts: Sequence[str], **options: Any) -> Popen[Any]:
    return open_ipc_subprocess([OURS if part == THEIRS else part for part in parts], **options)


if __name__ == "__main__":
    main()
