"""Copies of gold for other tools: a Kafka topic, PostgreSQL, a DuckDB file.

Add here: a copy. Not here: when copies are brought up to date (`stream.replicas`).
"""
