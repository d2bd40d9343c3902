"""The log of exports: a line of JSON each, in the home, who took what and when. Nothing here deletes it.

Add here: what is written down. Not here: which answers are exports (`rules`).
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

EXPORTS = "exports.jsonl"
ROWS = "x-rows"
"""The header that says how many rows an answer of the API has."""


@dataclass(frozen=True)
class ExportLog:
    """The file; it is opened for each line, so it may be moved away at any time."""

    path: Path

    def write(self, at: datetime, who: str, what: str, rows: int | None, address: str | None) -> None:
        """Add a line; it is on the disk when this returns. Raises OSError if it can't be written."""
        said = {"at": at.isoformat(), "who": who, "what": what, "rows": rows, "from": address}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self.path, flags, 0o600), "w") as lines:
            lines.write(json.dumps(said, ensure_ascii=False) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
