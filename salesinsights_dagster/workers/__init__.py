"""Runs on several machines: Dagster hands them to Celery, and workers on any host carry them out.

Add here: what launches runs elsewhere, or carries them out. Not here: what a run does (`assets`), or how the command
line starts a worker (`commands.worker`).
"""
