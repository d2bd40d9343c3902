"""Loads months of history from files into bronze, silver and gold.

Add here: what a month's load does. Not here: what a line means (`events`), or how rows are judged (`silver`).
"""
