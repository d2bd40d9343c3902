"""How we touch the world: Kafka, Delta Lake, DuckDB. Knows no business word such as "sale"."""

import os

# Polars reads the first two when it is first imported. What is set outside wins.
# By itself it gives freed memory back after half a second, and takes the same pages again for the next batch: a third
# of the CPU of a month's load was the kernel's. Kept for five seconds, in one arena, it costs hardly more memory.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:1,dirty_decay_ms:5000,muzzy_decay_ms:0")
# Reading, parsing, judging and writing go on side by side, and Delta Lake and DuckDB have threads of their own: with
# one for each core, Polars' mostly wake one another, a tenth to a fifth of the CPU of a small shop's stream.
os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
# The fits of customers' models ask SciPy for sums over vectors, which one thread computes as quickly: OpenBLAS' others
# would only spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
