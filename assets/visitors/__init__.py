"""What visitors do: sessions, carts, the funnel, user days, cohorts, features; beside a payment's way to gold."""
