"""Events of visitors, and the tables that follow them.

Add here: how tests make visits. Not here: what the tables should hold.
"""

from datetime import date
from typing import Any

from assets.tables import VISITOR_TABLES
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake

Event = dict[str, Any]


def follow(lake: Lake) -> list[date]:
    """The days that were computed, of all tables together."""
    return sorted({day for layout in VISITOR_TABLES for days in refresh_days(lake, layout) for day in days})


def kind_of(event: Event) -> str:
    """The type of an event, where a purchase with a negative price is a `return`."""
    return (
        "return" if event["event_type"] == "purchase" and event["price"].startswith("-") else str(event["event_type"])
    )


def event_of(**fields: object) -> Event:
    usual = {"event_time": "2019-12-30 10:00:00 UTC", "event_type": "view", "category_id": 7, "category_code": "care"}
    return {**usual, "product_id": 1, "brand": "b", "price": "1.00", "user_id": 1, "user_session": "s", **fields}
