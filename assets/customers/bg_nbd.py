"""BG/NBD: how often a customer will buy again, and whether they still do.

Each customer buys at their own rate, and leaves for good after a repeat purchase with their own probability. Rates are
gamma distributed, these probabilities beta distributed. In MBG/NBD a customer may leave after the first purchase too.

Sources: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers the Easy Way", Marketing Science 24(2), 2005 (BG/NBD);
E. Batislam, M. Denizel, A. Filiztekin, "Empirical validation and comparison of models for customer base analysis",
IJRM 24, 2007 (MBG/NBD).

Add here: what follows from the two models alone. Not here: money (`gamma_gamma`), the optimum (`likelihood`), tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.customers.likelihood import Fit, Floats, LogLikelihood, covariance, maximise

NAMES = ("r", "alpha", "a", "b")


@dataclass(frozen=True)
class Histories:
    """Distinct purchase histories, and how many customers have each. All arrays have the same length.

    `frequency`: repeat purchases; `recency`: the age at the last of them, 0 for none; `age`: the time since the first
    purchase, in the unit of recency; `customers`: how many have this history.
    """

    frequency: Floats
    recency: Floats
    age: Floats
    customers: Floats

    @classmethod
    def of(cls, frequency: Floats, recency: Floats, age: Floats) -> "Histories":
        """The distinct histories of these customers, with their counts: the likelihood needs nothing else."""
        each = np.column_stack([frequency, recency, age]).astype(float)
        distinct, counts = np.unique(each, axis=0, return_counts=True)
        return cls(distinct[:, 0], distinct[:, 1], distinct[:, 2], counts.astype(float))


@dataclass(frozen=True)
class BgNbd:
    """The parameters of BG/NBD, or of MBG/NBD if `modified`; `alpha` is in the unit of the histories' ages."""

    r: float
    alpha: float
    a: float
    b: float
    modified: bool = False

    def log_likelihood(self, history: Histories) -> float:
        """The sum over all customers: equation 6 of Fader, Hardie and Lee 2005, in logarithms."""
        return self._likelihood(history)[0]

    def probability_alive(self, frequency: Floats, recency: Floats, age: Floats) -> Floats:
        """The probability, from 0 to 1, that a customer still buys at the end of their age.

        P. Fader, B. Hardie, "Computing P(alive) using the BG/NBD model", 2008. Without a repeat purchase it is 1 by
        definition in BG/NBD, but not in MBG/NBD.
        """
        gone = self._gone(frequency, recency, age)
        return np.asarray(1 / (1 + np.exp(np.minimum(gone, 700))))

    def expected_purchases(self, frequency: Floats, recency: Floats, age: Floats, ahead: Sequence[float]) -> Floats:
        """Expected purchases within each of the times `ahead`: one row per customer, one column per time.

        Equation 10 of Fader, Hardie and Lee 2005, as an integral over the leaving probability p, not in hypergeometric
        form. For a customer who is alive, E[X(t) | p] = (1 - (1 + p t / (alpha + T))^-(r + x)) / p, and p is
        Beta(a, b + x). Gauss-Jacobi quadrature computes the integral. Unlike the series, it has no pole at a = 1 and
        does not overflow for a customer with hundreds of purchases.
        """
        alive = np.empty((len(frequency), len(ahead)))
        for count in np.unique(frequency):
            same = frequency == count
            nodes, weights = _beta_quadrature(self.a, self.b + count + self.modified)
            scaled = np.asarray(ahead)[:, None] * nodes[None, :]
            for block in np.array_split(np.flatnonzero(same), 1 + int(same.sum()) // _BLOCK):
                power = (self.r + count) * np.log1p(scaled[None] / (self.alpha + age[block])[:, None, None])
                alive[block] = (-np.expm1(-power) / nodes) @ weights
        return np.asarray(alive * self.probability_alive(frequency, recency, age)[:, None])

    def _gone(self, frequency: Floats, recency: Floats, age: Floats) -> Floats:
        """The log odds that a customer has left; minus infinity where they can't have left."""
        exits = frequency + self.modified - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(self.a) - np.log(self.b + exits)
            longer = (self.r + frequency) * (np.log(self.alpha + age) - np.log(self.alpha + recency))
        return np.where(exits >= 0, odds + longer, -np.inf)

    def _likelihood(self, history: Histories) -> tuple[float, Floats]:
        """The log-likelihood, and its gradient with respect to r, alpha, a and b."""
        from scipy.special import betaln, digamma, gammaln

        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x, recency, age = history.frequency, history.recency, history.age
        kept, power = x + self.modified, r + x
        gone = self._gone(x, recency, age)
        each = (
            gammaln(power) - gammaln(r) + r * np.log(alpha) - power * np.log(alpha + age)
            + betaln(a, b + kept) - betaln(a, b) + np.logaddexp(0, gone)
        )  # fmt: skip
        left = 1 - 1 / (1 + np.exp(np.minimum(gone, 700)))
        exits = np.where(kept >= 1, b + kept - 1, 1.0)
        gradient = [
            digamma(power)
            - digamma(r)
            + np.log(alpha)
            - (1 - left) * np.log(alpha + age)
            - left * np.log(alpha + recency),
            r / alpha - power * ((1 - left) / (alpha + age) + left / (alpha + recency)),
            digamma(a + b) - digamma(a + b + kept) + left / a,
            digamma(b + kept) - digamma(a + b + kept) - digamma(b) + digamma(a + b) - left / exits,
        ]
        return float(each @ history.customers), np.array([by @ history.customers for by in gradient])


_BLOCK = 50_000
_NODES = 48


def _beta_quadrature(a: float, b: float) -> tuple[Floats, Floats]:
    """Nodes in (0, 1) and weights that sum to 1: weighted sums over the nodes are means under Beta(a, b).

    G. Golub, J. Welsch, "Calculation of Gauss quadrature rules", 1969, with the recurrence of the Jacobi polynomials.
    The weights come from eigenvectors, so nothing overflows for large b.
    """
    from scipy.linalg import eigh_tridiagonal

    first, second = b - 1, a - 1
    n = np.arange(_NODES, dtype=float)
    total = 2 * n + first + second
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (second**2 - first**2) / (total * (total + 2))
        k = n[1:]
        off = (
            4
            * k
            * (k + first)
            * (k + second)
            * (k + first + second)
            / (total[1:] ** 2 * (total[1:] + 1) * (total[1:] - 1))
        )
    middle[0] = (second - first) / (first + second + 2)
    off[0] = 4 * (1 + first) * (1 + second) / ((2 + first + second) ** 2 * (3 + first + second))
    points, vectors = eigh_tridiagonal(middle, np.sqrt(off))
    return np.asarray((1 + points) / 2), np.asarray(vectors[0] ** 2)


def fit_bg_nbd(history: Histories, *, modified: bool = False, prior: LogLikelihood | None = None) -> tuple[BgNbd, Fit]:
    """The model with the largest likelihood; with a `prior`, a posteriori. `fit_warning` says why it can't be trusted.

    During the fit, times are divided by the longest age, so that days and weeks reach the same optimum.
    """
    if not history.customers.sum():
        return BgNbd(1, 1, 1, 1, modified), Fit({}, {}, 0.0, "there are no customers")
    unit = max(float(history.age.max()), 1e-9)
    scaled = Histories(history.frequency, history.recency / unit, history.age / unit, history.customers)
    fit = maximise(
        NAMES,
        lambda p: BgNbd(p[0], p[1], p[2], p[3], modified)._likelihood(scaled),
        float(history.customers.sum()),
        prior,
    )
    in_units = {name: value * (unit if name == "alpha" else 1) for name, value in fit.parameters.items()}
    errors = {name: value * (unit if name == "alpha" else 1) for name, value in fit.standard_errors.items()}
    model = BgNbd(**in_units, modified=modified)
    fit_warning = fit.fit_warning or (None if (history.frequency > 0).any() else "nobody has bought twice")
    return model, Fit(in_units, errors, model.log_likelihood(history), fit_warning)


def purchases_covariance(model: BgNbd, history: Histories, prior: LogLikelihood) -> Floats:
    """The covariance of the logarithms of r, alpha, a and b, for a model that was fitted to this history."""
    unit = max(float(history.age.max()), 1e-9)
    scaled = Histories(history.frequency, history.recency / unit, history.age / unit, history.customers)
    at = np.array([model.r, model.alpha / unit, model.a, model.b])
    return covariance(lambda p: BgNbd(p[0], p[1], p[2], p[3], model.modified)._likelihood(scaled), at, prior)
