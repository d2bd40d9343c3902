"""Segments of customers, and who is active: one rule, for the table, the lists and the page.

A customer is active unless their silence speaks against it: since their last purchase, the chance that they still buy
has fallen to less than ACTIVE of what it was then. (Right after a first purchase it may be small in any shop where most
buy once; that alone makes nobody lost.) Where no model tells, or BG/NBD of somebody who bought once, the later three
fifths of all buyers by their last purchase are active.

Add here: a segment, or what makes one. Not here: the scores (`customer_value.sql`), or the model (`lifetime_model`).
"""

import polars as pl

from assets.customers.lifetime_model import LifetimeModel, remaining_chance

ACTIVE = 0.5

LOST = ("can't lose", "at risk", "hibernating")
"""The segments of customers who are not active. Everybody else is."""

_RECENCY, _FREQUENCY = pl.col("_recency"), pl.col("frequency_score")


def segmented(buyers: pl.DataFrame, model: LifetimeModel) -> pl.DataFrame:
    """Add the column `segment`. Reads the history of `lifetime_model`, and the scores of recency and frequency.

    An active customer counts as at least 3 in recency, another one as at most 2: the segments follow from that and the
    frequency.
    """
    score = pl.col("recency_score")
    active = (pl.Series("_chance", remaining_chance(buyers, model)) >= ACTIVE).alias("_active")
    known = buyers.with_columns(active).with_columns(_active=pl.col("_active").fill_null(score >= 3))
    effective = pl.when("_active").then(score.clip(lower_bound=3)).otherwise(score.clip(upper_bound=2))
    return known.with_columns(_recency=effective).with_columns(segment=_NAMED).drop("_active", "_recency")


_NAMED = (
    pl.when((_RECENCY == 5) & (_FREQUENCY >= 4))
    .then(pl.lit("champions"))
    .when((_RECENCY >= 3) & (_FREQUENCY >= 4))
    .then(pl.lit("loyal"))
    .when((_RECENCY >= 4) & (_FREQUENCY >= 2))
    .then(pl.lit("potential loyalists"))
    .when(_RECENCY == 5)
    .then(pl.lit("new"))
    .when(_RECENCY == 4)
    .then(pl.lit("promising"))
    .when((_RECENCY == 3) & (_FREQUENCY == 3))
    .then(pl.lit("need attention"))
    .when(_RECENCY == 3)
    .then(pl.lit("about to sleep"))
    .when(_FREQUENCY == 5)
    .then(pl.lit("can't lose"))
    .when(_FREQUENCY >= 3)
    .then(pl.lit("at risk"))
    .otherwise(pl.lit("hibernating"))
)
