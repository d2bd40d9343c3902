"""The choices that a shop makes about its customers. They come from the settings.

Add here: a choice. Not here: what it does (`lifetime_model`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClvOptions:
    """How lifetime value is predicted: the purchase model, its unit of time, two horizons, and the discount.

    `modified` is true for MBG/NBD, false for BG/NBD, and None for the one that predicts a shop's purchases better.
    `unit_days` is 7 for weeks or 1 for days: the fit is the same, its parameter alpha is in that unit.
    `discount_rate` is the discount per year, for example 0.1.
    """

    modified: bool | None = None
    unit_days: int = 7
    near_days: int = 90
    far_days: int = 365
    discount_rate: float = 0.1
