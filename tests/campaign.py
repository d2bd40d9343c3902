"""How often tests try: seldom in the suite, often in a campaign, which `python -m benchmarks --only campaign` runs.

Add here: what tests with a long form share. Not here: which these are (`benchmarks.campaign`).
"""

from hypothesis import settings

PROFILE = "campaign"


def in_campaign() -> bool:
    """Whether pytest runs with that profile; known once tests are collected."""
    return settings.get_current_profile_name() == PROFILE


def tries(in_suite: int, otherwise: int) -> int:
    """So many in the suite; otherwise in a campaign."""
    return otherwise if in_campaign() else in_suite
