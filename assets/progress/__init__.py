"""How far each table is and what it was made from, as its own commits say.

Add here: what can be read off commits. Not here: a table's rows.
"""
