"""The number of the last batch that a table covers, in the commit of the batch's rows.

Add here: what a table's batch says. Not here: what else its commits remember (`source_fingerprints`).
"""

from resources.lake_table import LakeTable

BATCH = "batch"
"""The name under which every table keeps it."""


def batch_of(table: LakeTable) -> int:
    """The last batch that the table covers, 0 before the first."""
    return table.progress(BATCH) or 0
