"""Gold: sales by window and by day, buyers by day, computed from purchases, and what was restated of them."""
