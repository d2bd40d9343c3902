"""How SalesInsights is assembled, started and looked at: definitions, settings, command line, broker, simulator."""
