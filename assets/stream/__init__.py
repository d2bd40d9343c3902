"""The stream: one micro-batch through all layers, its Dagster step, its checks and alarms.

Add here: the order of things in a micro-batch, or what is said of it.
Not here: what a layer does (`bronze`, `silver`, `gold`).
"""
