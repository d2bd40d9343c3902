"""When what runs: sensors, schedules and the jobs that they start."""

import resources  # noqa: F401  # Before Polars, whose memory and threads it sets.
