"""What visitors do: sessions, carts, the funnel, user days, cohorts, features. Sales reach gold without them.

Add here: a table of behaviour. Not here: what was sold (`gold`).
"""
