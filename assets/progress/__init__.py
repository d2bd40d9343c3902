"""How far each table is and what it was made from, as its own commits say."""
