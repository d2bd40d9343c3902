"""The benchmarks behind docs/benchmarks.md; `make bench` runs them. Not timed tests: figures, as ratios where possible.

Add here: a promise about speed. Not here: whether something is right (`tests`).
"""
