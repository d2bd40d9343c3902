"""Silver: typed, distinct events, and a narrow table of their purchases.

Add here: what makes two messages the same event, or how silver is written. Not here: what a valid event is (`events`).
"""
