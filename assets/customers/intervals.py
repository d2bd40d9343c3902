"""How far what comes may be from what is expected: the distribution of a customer's purchases, and of their sum.

For given parameters the distributions are exact; `expected_sales` adds what the fit leaves open. With the posteriors of
the rate, Gamma(r + x, alpha + T), and of the chance to leave, Beta(a, b + x), of a customer who is alive, who buys n
times until t has either stayed n times and bought no more, or left after the n-th purchase:

    P(n) = B(a, b + x + n) / B(a, b + x) * P(Y = n) + B(a + 1, b + x + n - 1) / B(a, b + x) * P(Y >= n),

where Y is negative binomial, the purchases of a customer who never leaves (Fader, Hardie, Lee 2005, equation 3,
averaged over both posteriors; in MBG/NBD b is larger by one). The sum of n values is a gamma variable of shape p n
whose scale is gamma distributed, so divided by gamma + x m it is beta prime, with the shapes p n and q + p x (Fader,
Hardie 2013).

Add here: a distribution of one customer. Not here: expectations (`bg_nbd`, `gamma_gamma`), or sums over customers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.customers.bg_nbd import BgNbd
from assets.customers.gamma_gamma import GammaGamma
from assets.customers.likelihood import Floats

Places = NDArray[np.intp]

LEVEL = 0.9
"""An interval holds what comes with this chance; with a larger one where numbers are whole, or nothing is likely."""

BELOW = (1 - LEVEL) / 2
_AT_ONCE = 1_000_000
"""Chances that are held at once; it bounds the memory."""

_TAIL, _LEAST, _MOST = 1e-6, 6.0, 4_096.0
_STEP = 0.05
"""Distributions of values are computed at multiples of it, on a scale of logarithms."""


@dataclass(frozen=True)
class Spread:
    """Of each customer, until one time: intervals of purchases and of their value, and what sums are made from.

    Values are in units of gamma + x m, that is, of the model of values and of what was seen. `squares` is the mean of
    the squared number of purchases, `nothing` the chance that there is none.
    """

    purchases: Floats
    value: Floats
    squares: Floats
    nothing: Floats


def spreads(
    model: BgNbd, values: GammaGamma | None, frequency: Floats, recency: Floats, age: Floats, ahead: float
) -> Spread:
    """The spread of customers with these histories; a row per customer, and the two ends in columns."""
    count = len(frequency)
    found = Spread(np.zeros((count, 2)), np.zeros((count, 2)), np.zeros(count), np.ones(count))
    alive, most = model.probability_alive(frequency, recency, age), _most(model, frequency, age, ahead)
    for some in _blocks(frequency, most):
        chances = _chances(model, frequency[some], age[some], alive[some], ahead, int(most[some[0]]))
        cumulated = np.minimum(np.cumsum(chances, axis=1), 1.0)
        found.purchases[some] = _ends(cumulated)
        found.squares[some] = chances @ np.arange(chances.shape[1], dtype=float) ** 2
        found.nothing[some] = chances[:, 0]
        if values is not None:
            found.value[some] = _value_ends(values, float(frequency[some[0]]), chances)
    return found


def _most(model: BgNbd, frequency: Floats, age: Floats, ahead: float) -> Floats:
    """A number of purchases that a customer hardly exceeds: a power of two, so that many share it.

    It depends on the customer alone, and so do all figures: not on who else is computed at once.
    """
    from scipy.stats import nbinom

    stays = (model.alpha + age) / (model.alpha + age + ahead)
    needed = nbinom.isf(_TAIL, model.r + frequency, stays) + _LEAST
    return np.asarray(2.0 ** np.ceil(np.log2(np.minimum(needed, _MOST))))


def _blocks(frequency: Floats, most: Floats) -> list[Places]:
    """The customers in pieces that share both numbers."""
    order = np.lexsort((most, frequency))
    changes = (np.diff(frequency[order]) != 0) | (np.diff(most[order]) != 0)
    same = np.split(order, np.flatnonzero(changes) + 1) if len(order) else []
    pieces = (1 + int(len(group) * most[group[0]]) // _AT_ONCE for group in same)
    return [some for group, count in zip(same, pieces, strict=True) for some in np.array_split(group, count)]


def _chances(model: BgNbd, frequency: Floats, age: Floats, alive: Floats, ahead: float, most: int) -> Floats:
    """The chance of 0, 1, ..., `most` purchases until `ahead`: a row per customer. The last one is of more, too."""
    from scipy.special import betaln
    from scipy.stats import nbinom

    shape, stays = (model.r + frequency)[:, None], ((model.alpha + age) / (model.alpha + age + ahead))[:, None]
    n, kept = np.arange(most + 1, dtype=float), (model.b + frequency + model.modified)[:, None]
    whole = betaln(model.a, kept)
    stayed = np.exp(betaln(model.a, kept + n) - whole) * nbinom.pmf(n, shape, stays)
    left = np.zeros_like(stayed)
    left[:, 1:] = np.exp(betaln(model.a + 1, kept + n[1:] - 1) - whole) * nbinom.sf(n[1:] - 1, shape, stays)
    found = alive[:, None] * (stayed + left)
    found[:, 0] += 1 - alive
    found[:, -1] += np.maximum(1 - found.sum(axis=1), 0)
    return np.asarray(found)


def _ends(cumulated: Floats) -> Floats:
    """The ends of the interval: below it at most half of what may be outside; what is not used there is used above."""
    low = (cumulated <= BELOW).sum(axis=1)
    below = np.where(low > 0, np.take_along_axis(cumulated, np.maximum(low - 1, 0)[:, None], axis=1)[:, 0], 0.0)
    high = (cumulated < (below + LEVEL)[:, None] - 1e-12).sum(axis=1)
    return np.column_stack([low, np.minimum(high, cumulated.shape[1] - 1)]).astype(float)


def _value_ends(values: GammaGamma, x: float, chances: Floats) -> Floats:
    """The ends of the interval of the value, in units of gamma + x m, for customers of the same frequency."""
    from scipy.special import betainc, betaincinv, expit, logit

    other, n = values.q + values.p * x, np.arange(1, chances.shape[1], dtype=float)
    first, last = betaincinv(values.p, other, 1e-4), betaincinv(values.p * n[-1], other, 1 - 1e-4)
    ends = logit(np.clip([first, last], 1e-12, 1 - 1e-12)) / _STEP
    grid = _STEP * np.arange(np.floor(ends[0]), np.ceil(ends[1]) + 1)
    at_most = betainc(values.p * n[None, :], other, expit(grid)[:, None])
    cumulated = chances[:, :1] + chances[:, 1:] @ at_most.T
    nothing = chances[:, 0]
    low = np.where(nothing >= BELOW, 0.0, _where(cumulated, grid, BELOW))
    below = np.where(nothing >= BELOW, 0.0, BELOW)
    high = np.where(nothing >= LEVEL, 0.0, _where(cumulated, grid, below + LEVEL))
    return np.column_stack([low, high])


def _where(cumulated: Floats, grid: Floats, level: Floats | float) -> Floats:
    """Where the distributions reach a level, from their values on a grid of logarithms."""
    level = np.broadcast_to(level, len(cumulated))
    place = np.clip((cumulated < level[:, None]).sum(axis=1), 1, len(grid) - 1)
    rows = np.arange(len(cumulated))
    before, after = cumulated[rows, place - 1], cumulated[rows, place]
    part = np.clip((level - before) / np.maximum(after - before, 1e-300), 0, 1)
    return np.asarray(np.exp(grid[place - 1] + part * (grid[place] - grid[place - 1])))
