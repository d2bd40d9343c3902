"""Gold: sales by window and by day, buyers by day, and which published windows were restated.

Add here: a measure of what was sold, or how gold follows silver.
Not here: what visitors do (`visitors`), or lifetime value (`customers`).
"""
