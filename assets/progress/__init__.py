"""How far each table is and what it was computed from, read from its commits.

Add here: what commits say about a table. Not here: a table's rows.
"""
