"""The simulated shop's products: ids, categories, brands, popularity, and prices that change over time.

Add here: what is true of a product for every visitor.
Not here: what visitors do with products (`visits`).
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.events.contract import MONEY
from salesinsights_dagster.simulator import calibration as real

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


STEPS = len(real.PRICE_STEPS)
FIRST_CATEGORY_ID = 1_487_580_004_807_082_753
CATEGORY_ID_STEP = 50_331_651_337


@dataclass(frozen=True)
class Catalogue:
    """`goods` has one row per product, ordered by category, then one row per voucher (a negative price).

    `prices` has STEPS prices per row; the row's dwell and phase, in days, say which one is valid on a day.
    `looks` and `carts` are cumulative shares (one more entry than products) of what is viewed and what is carted.
    """

    goods: pl.DataFrame
    prices: pl.Series
    dwell: Ints
    phase: Ints
    looks: Floats
    carts: Floats
    category: Ints
    category_start: Ints

    @property
    def products(self) -> int:
        return len(self.category)

    def pick(self, position: Floats, carted: Flags, category: Ints) -> Ints:
        """Rows at `position` (0 to 1) of what is looked at or carted; a category below 0 means any."""
        return np.where(carted, self._pick(self.carts, position, category), self._pick(self.looks, position, category))

    def _pick(self, shares: Floats, position: Floats, category: Ints) -> Ints:
        low = np.where(category < 0, 0.0, shares[self.category_start[category]])
        high = np.where(category < 0, 1.0, shares[self.category_start[category + 1]])
        rows = np.searchsorted(shares, low + (high - low) * position, side="right") - 1
        return np.minimum(rows, self.products - 1)

    def price_on(self, rows: Ints, days: Ints) -> pl.Series:
        """The price of each row on each day (days since 1970), as exact decimals."""
        step = (days + self.phase[rows]) // self.dwell[rows] % STEPS
        return self.prices.gather(rows * STEPS + step)


def build_catalogue(seed: int) -> Catalogue:
    """The catalogue of this seed; the same seed gives the same catalogue."""
    rng = np.random.default_rng([seed, 1])
    shares = _popularity(rng)
    category = np.searchsorted(_category_shares(), _spread(rng, shares), side="right")
    order = np.argsort(category, kind="stable")
    shares, category = shares[order], category[order]
    dollars = _base_prices(rng, shares)
    cents = _price_steps(rng, shares, dollars)
    rows = len(shares) + len(real.VOUCHER_ROUBLES)
    return Catalogue(
        goods=_goods(rng, shares, category),
        prices=_decimal(np.concatenate([cents, _voucher_steps()]).ravel()),
        dwell=rng.integers(*real.PRICE_STEP_DAYS, rows),
        phase=rng.integers(0, 1_000, rows),
        looks=_cumulative(shares),
        carts=_cumulative(_cart_shares(shares, dollars, category)),
        category=category,
        category_start=np.searchsorted(category, np.arange(real.CATEGORIES + 1)),
    )


def _popularity(rng: np.random.Generator) -> Floats:
    weights = (np.arange(1, real.PRODUCTS + 1) + real.POPULARITY_OFFSET) ** -real.POPULARITY_EXPONENT
    return rng.permutation(weights / weights.sum())


def _cumulative(weights: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])


def _spread(rng: np.random.Generator, shares: Floats) -> Floats:
    """A random place in [0, 1) for each product, each with room in proportion to its popularity.

    A trait given by place (price, brand) then has its intended share of the events with any seed, although a few
    products draw a large part of them.
    """
    order = rng.permutation(len(shares))
    place = np.empty_like(shares)
    place[order] = np.cumsum(shares[order]) - shares[order] / 2
    return place


def _category_shares() -> Floats:
    """Cumulative shares of the categories; the first ones are those that have a category code."""
    coded = np.full(len(real.CATEGORY_CODES), (1 - real.CATEGORY_CODE_NULL_SHARE) / len(real.CATEGORY_CODES))
    plain = 1.0 / (np.arange(real.CATEGORIES - len(coded)) + 5)
    return np.cumsum(np.concatenate([coded, plain / plain.sum() * real.CATEGORY_CODE_NULL_SHARE]))[:-1]


def _cart_shares(shares: Floats, dollars: Floats, category: Ints) -> Floats:
    """Within a category the cheaper products sell better; a category is carted as often as it is viewed."""
    weights = shares * dollars**-real.CHEAPER_SELLS_BETTER
    looks, carts = np.bincount(category, shares), np.bincount(category, weights)
    return weights * (looks[category] / carts[category])


def _cents(roubles: Floats) -> Ints:
    whole = np.round(roubles / real.ROUBLE_STEP) * real.ROUBLE_STEP
    return np.round(whole * 100 / real.ROUBLES_PER_DOLLAR).astype(np.int64)


def _base_prices(rng: np.random.Generator, shares: Floats) -> Floats:
    place, dollars = np.array(real.PRICE_QUANTILES).T
    return np.exp(np.interp(_spread(rng, shares), place, np.log(dollars)))


def _price_steps(rng: np.random.Generator, shares: Floats, base: Floats) -> Ints:
    """Cents per product and step; some products have no price (zero) during one of their steps."""
    steps = np.array([rng.permutation(real.PRICE_STEPS) for _ in range(24)])[rng.integers(0, 24, len(shares))]
    cents = np.clip(_cents(base[:, None] * steps * real.ROUBLES_PER_DOLLAR), 5, 32_778)
    unpriced = _spread(rng, shares) < real.ZERO_PRICE_SHARE * STEPS
    cents[unpriced, rng.integers(0, STEPS, len(shares))[unpriced]] = 0
    return cents


def _voucher_steps() -> Ints:
    return np.repeat(-_cents(np.array(real.VOUCHER_ROUBLES, dtype=np.float64))[:, None], STEPS, axis=1)


def _decimal(cents: Ints) -> pl.Series:
    whole = pl.Series("price", cents).cast(pl.Decimal(14, 2))
    return (whole * Decimal("0.01")).cast(MONEY)


def _goods(rng: np.random.Generator, shares: Floats, category: Ints) -> pl.DataFrame:
    category_ids = FIRST_CATEGORY_ID + np.cumsum(rng.integers(1, 3 * CATEGORY_ID_STEP, real.CATEGORIES))
    codes = pl.Series([*real.CATEGORY_CODES, *[None] * (real.CATEGORIES - len(real.CATEGORY_CODES))], dtype=pl.String)
    vouchers = len(real.VOUCHER_ROUBLES)
    plain = np.full(vouchers, real.CATEGORIES - 1)
    kinds = np.concatenate([category, plain])
    return pl.DataFrame(
        {
            "product_id": _product_ids(rng, len(kinds)),
            "category_id": category_ids[kinds],
            "category_code": codes.gather(kinds),
            "brand": pl.concat([_brands(rng, shares), pl.Series([None] * vouchers, dtype=pl.String)]),
        }
    )


def _product_ids(rng: np.random.Generator, count: int) -> Ints:
    """Distinct ids; one in ten is from the shop's early years, hence short."""
    early = rng.choice(130_000, count // 10, replace=False) + 3_700
    late = rng.choice(410_000, count - len(early), replace=False) + 5_500_000
    return rng.permutation(np.concatenate([early, late]))


def _brands(rng: np.random.Generator, shares: Floats) -> pl.Series:
    weights = 1.0 / (np.arange(real.BRANDS) + 3)
    cumulative = real.BRAND_NULL_SHARE + (1 - real.BRAND_NULL_SHARE) * np.cumsum(weights) / weights.sum()
    number = np.searchsorted(np.concatenate([[real.BRAND_NULL_SHARE], cumulative[:-1]]), _spread(rng, shares), "right")
    return pl.Series([None, *_brand_names(rng)], dtype=pl.String).gather(number)


def _brand_names(rng: np.random.Generator) -> list[str]:
    starts = ("bel", "cor", "dia", "ely", "flo", "gla", "iri", "jas", "kali", "lum", "mira", "nel", "oli", "per", "ros")
    middles = ("a", "ena", "ico", "ola", "ume", "")
    ends = ("dor", "lle", "nail", "pro", "rix", "sse", "tan", "vita")
    names = [start + middle + end for start in starts for middle in middles for end in ends]
    return [names[i] for i in rng.permutation(len(names))[: real.BRANDS]]
