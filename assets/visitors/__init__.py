"""What visitors do: sessions, carts, the funnel, user days, cohorts, features; beside a payment's way to gold.

Add here: a table of behaviour. Not here: what was sold (`gold`).
"""
