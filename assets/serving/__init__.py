"""Replicas of gold for other tools: a Kafka topic, PostgreSQL, a DuckDB file.

Add here: a replica. Not here: when replicas are updated (`stream.replicas`).
"""
