"""The number of the last batch that a table covers, in the commit of the batch's rows.

Add here: what a table's batch says. Not here: what else its commits remember (`source_fingerprints`).
"""

BATCH = "batch"
"""The name under which every table keeps it."""
