"""How we touch the world: Kafka, Delta Lake, DuckDB. Knows no business word such as "sale"."""
