"""Silver: typed, distinct events; what makes two messages the same event, and days judged in pieces."""
