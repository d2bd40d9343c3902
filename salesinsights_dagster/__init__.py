"""How SalesInsights is assembled, started and looked at: definitions, settings, command line, broker, simulator."""

import resources  # noqa: F401  # Before Polars, whose memory and threads it sets.
