"""When what runs: sensors, schedules and the jobs that they start."""
