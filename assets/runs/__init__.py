"""What a Dagster run is told and what it reports: who asked for it, the time, its priority, verdicts, charts.

Add here: what every kind of run needs. Not here: a run of one kind.
"""
