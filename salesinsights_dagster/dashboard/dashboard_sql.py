"""The dashboard's queries: each stands in the file of its name.

Add here: nothing else. Not here: a query.
"""

from pathlib import Path


def dashboard_sql(name: str) -> str:
    """A query of the dashboard, from the file of that name."""
    return Path(__file__).with_name(f"{name}.sql").read_text()
