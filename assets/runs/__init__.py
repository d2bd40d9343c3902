"""What Dagster runs share: who launched the run, the time, the priority, verdicts of checks, charts.

Add here: what every kind of run needs. Not here: a run of one kind.
"""
