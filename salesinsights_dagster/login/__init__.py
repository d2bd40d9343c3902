"""Who may look at the dashboard: how visitors are known, what each may do, and what is written down.

Add here: a way to be known. Not here: which sites may ask (`safe_requests`), what is shown (`dashboard`).
"""
