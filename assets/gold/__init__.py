"""Gold: sales by window and by day, buyers by day, and restatements of published windows.

Add here: a measure of sales, or how gold is updated from silver.
Not here: what visitors do (`visitors`), or lifetime value (`customers`).
"""
