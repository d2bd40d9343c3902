"""What a Dagster run is told and what it tells: who asked for it, the time, its priority, verdicts and charts."""
