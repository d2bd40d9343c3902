"""A simulated cosmetics shop: whole months as files, or live traffic into Kafka."""
