"""The benchmarks behind docs/benchmarks.md, run by `make bench`: figures, as ratios where possible. They are no tests.

Add here: a promise about speed. Not here: whether something is right (`tests`).
"""

import resources  # noqa: F401  # Before Polars, whose memory and threads it sets.
