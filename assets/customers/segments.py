"""Sorts customers into segments, by the rules of the shop: scores, who is active, and the segment's name.

A customer is active unless their silence speaks against it: since their last purchase, the chance that they still buy
has fallen to less than `SegmentRules.active` of what it was then. (Right after a first purchase it may be small in any
shop where most buy once; that alone makes nobody lost.) Where no model tells, or BG/NBD of somebody who bought once,
whoever has a score of recency of ACTIVE_SCORE or more is active.

Add here: how rules are applied. Not here: the rules (`segment_rules`), or the model (`lifetime_model`).
"""

from collections.abc import Iterable
from decimal import Decimal

import polars as pl

from assets.customers.lifetime_model import LifetimeModel, remaining_chance
from assets.customers.segment_rules import BEST, Segment, SegmentRules

ACTIVE_SCORE = 3


def segmented(buyers: pl.DataFrame, model: LifetimeModel, rules: SegmentRules) -> pl.DataFrame:
    """Add the columns SEGMENTED. Reads the history of `lifetime_model` in days, and revenue.

    They depend on the customer, the model and the rules alone, not on other customers.
    """
    scores = rules.scores
    silence = pl.col("tenure_days") - pl.col("recency")
    scored = buyers.with_columns(
        recency_score=BEST + 1 - _score(silence > cut for cut in _literals(scores.recency)),
        frequency_score=_score(pl.col("frequency") + 1 >= cut for cut in _literals(scores.frequency)),
        monetary_score=_score(pl.col("revenue") >= cut for cut in _literals(scores.monetary)),
    )
    left = pl.Series("_left", remaining_chance(buyers, model))
    active = (left >= rules.active).alias("is_active")
    known = scored.with_columns(active).with_columns(
        pl.col("is_active").fill_null(pl.col("recency_score") >= ACTIVE_SCORE)
    )
    return known.with_columns(segment=pl.coalesce([_fits(segment) for segment in rules.segments]))


def _score(is_above: Iterable[pl.Expr]) -> pl.Expr:
    """1, and one more for each cut point that is reached."""
    return 1 + pl.sum_horizontal([one.cast(pl.Int64) for one in is_above])


def _literals(cuts: Iterable[Decimal]) -> list[pl.Expr]:
    return [pl.lit(cut, pl.Decimal(18, 2)) for cut in cuts]


def _fits(segment: Segment) -> pl.Expr:
    """The segment's name for who fits into it; null for others."""
    fits = pl.col("is_active") == segment.active
    for score in ("recency", "frequency", "monetary"):
        fits &= pl.col(f"{score}_score") >= getattr(segment, score)
    return pl.when(fits).then(pl.lit(segment.name))
