"""Files that a shop drops: checked, and published to Kafka, each once."""
