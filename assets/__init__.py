"""Which tables exist and what they mean: the event contract, bronze, silver, gold, checks, freshness."""
