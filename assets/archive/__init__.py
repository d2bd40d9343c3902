"""Months of history, from their files to gold."""
