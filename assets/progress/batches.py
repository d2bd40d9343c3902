"""The number of the last batch that a table covers, kept in the commit of the batch's rows.

Add here: what depends on a table's batch number. Not here: other progress (`source_fingerprints`).
"""

from resources.lake_table import LakeTable

BATCH = "batch"
"""The name of this progress in every table."""


def batch_of(table: LakeTable) -> int:
    """The last batch that the table covers, 0 before the first."""
    return table.progress(BATCH) or 0
