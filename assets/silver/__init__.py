"""Silver: typed, distinct events, and their purchases once more.

Add here: what makes two messages the same event, or how silver is written. Not here: what a valid event is (`events`).
"""
