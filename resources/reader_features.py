"""What a reader of a Delta table has to know, beyond its data files: we read these files directly, and know none of it.

Another engine may have put it on a table: deletion vectors, for instance, say which rows of a file are deleted, and
column mapping gives the columns of the files other names. Files read without it give wrong rows, without an error.
Add here: a reader feature that the direct reads keep to. Not here: the reads (`lake_table`, `table_files`).
"""

import re

from deltalake import DeltaTable

from resources.lake_errors import LakeError

_HARMLESS = frozenset({"timestampNtz"})
"""Features that say nothing about files: this one is a type, and a column of another type is refused anyway."""

_BY_VERSION = {1: [], 2: ["columnMapping"]}
"""What a table of these protocol versions may use without naming it."""


def check_features(name: str, delta: DeltaTable) -> None:
    """Raises LakeError if a reader of the table has to know a feature that the direct reads do not."""
    protocol = delta.protocol()
    needed = protocol.reader_features or _BY_VERSION.get(protocol.min_reader_version, [])
    unknown = sorted(set(needed) - _HARMLESS)
    if unknown:
        raise LakeError(_refusal(name, unknown))


def refused_feature(name: str, error: Exception) -> LakeError | None:
    """The same refusal, if Delta Lake's own reader did not open the table for a feature that it does not know."""
    named = re.search(r"Feature '(\w+)' is not supported", str(error))
    return LakeError(_refusal(name, [named[1]])) if named else None


def _refusal(name: str, features: list[str]) -> str:
    steps = ", ".join(f"DROP FEATURE {feature} TRUNCATE HISTORY" for feature in features)
    return (
        f"{name} needs readers that know {', '.join(features)}: another engine has changed the table, and rows read "
        f"without that would be wrong. Take it back with that engine (ALTER TABLE ... {steps}), or restore the table "
        "from a backup"
    )
