"""How we touch the world: Kafka, Delta Lake, DuckDB. Knows no business word such as "sale"."""

import os

# Polars reads this when it is first imported. By itself it gives freed memory back after half a second, and takes the
# same pages again for the next batch: a third of the CPU of a month's load was the kernel's. Kept for five seconds, in
# one arena, it costs no more memory than Polars' two.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:1,dirty_decay_ms:5000,muzzy_decay_ms:0")
