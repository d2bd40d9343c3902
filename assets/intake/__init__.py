"""Files that a shop drops in a folder: checked, and published to Kafka exactly once.

Add here: a way to publish files to Kafka. Not here: months of history that bypass Kafka (`archive`).
"""
