"""Copies of gold for other tools: a Kafka topic, PostgreSQL, a DuckDB file."""
