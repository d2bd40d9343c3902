"""Files that a shop drops: checked, and published to Kafka, each once.

Add here: a way for files into Kafka. Not here: months of history that bypass Kafka (`archive`).
"""
