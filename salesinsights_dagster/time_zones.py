"""Which time zones there are, by their IANA names.

Add here: a question about names of zones. Not here: when a day begins in one (`dashboard.shop_days`).
"""

from functools import cache
from zoneinfo import available_timezones

_NO_ZONES = {"Factory", "localtime"}
"""Files beside the zones: a place that was not set, and whatever this machine has."""


@cache
def time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


def is_time_zone(name: str) -> bool:
    return name in time_zones()
