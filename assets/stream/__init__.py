"""The stream: one micro-batch through all layers, its Dagster step, its checks and alarms."""
