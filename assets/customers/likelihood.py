"""Maximum likelihood, or a posteriori with a prior, that always ends, and says whether its answer can be trusted.

Parameters are positive. The search is over their logarithms, within wide bounds, so that no data drives them to zero or
infinity. Without a prior, an optimum on a bound, or with a flat likelihood, means that the data does not determine the
parameter; with one, the prior does.

Add here: how an optimum is found and judged. Not here: a model's likelihood (`bg_nbd`, `gamma_gamma`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LogLikelihood = Callable[[Floats], tuple[float, Floats]]
"""From positive parameters to the log-likelihood and its gradient with respect to them."""

BOUND = 12.0
"""The largest absolute logarithm of a parameter: parameters are from 6e-6 to 160,000, in units of the data."""

_STARTS = (0.0, -1.5, 1.5)
_STEP = 1e-4


@dataclass(frozen=True)
class Fit:
    """Parameters by name, their standard errors (NaN where there are none), and the log-likelihood at them.

    `fit_warning` says why the fit can't be trusted; None if it can.
    """

    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float]
    log_likelihood: float
    fit_warning: str | None


def maximise(names: Sequence[str], likelihood: LogLikelihood, weight: float, prior: LogLikelihood | None = None) -> Fit:
    """The parameters with the largest likelihood, from several starts; `weight` is the number of observations.

    With a `prior` (its logarithm and gradient), those with the largest product of both, and the errors are of both.
    """
    # scipy takes half a second to load, and most processes fit no model: here and in the models, it loads on first use.
    from scipy.optimize import minimize

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        if prior is not None:
            believed, slope = prior(parameters)
            value, gradient = value + believed, gradient + slope
        return -value / weight, -gradient * parameters / weight

    bounds = [(-BOUND, BOUND)] * len(names)
    found = [
        minimize(loss, np.full(len(names), start), jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISION)
        for start in _STARTS
    ]
    best = min(found, key=lambda result: float(result.fun))
    slope = lambda logs: loss(logs)[1]  # noqa: E731
    errors, fit_warning = _judge(names, slope, best.x, weight, has_prior=prior is not None)
    parameters = np.exp(best.x)
    return Fit(
        dict(zip(names, parameters.tolist(), strict=True)),
        dict(zip(names, (errors * parameters).tolist(), strict=True)),
        -float(best.fun) * weight,
        fit_warning,
    )


_PRECISION = {"maxiter": 2_000, "maxfun": 20_000, "ftol": 1e-14, "gtol": 1e-9}
_STILL = 1e-4
"""The largest slope, per observation, that an optimum may have."""


def _judge(
    names: Sequence[str], slope: Callable[[Floats], Floats], logs: Floats, weight: float, *, has_prior: bool
) -> tuple[Floats, str | None]:
    """The standard errors of the logarithms, from the observed information; and why the optimum can't be trusted."""
    nowhere = np.full(len(logs), np.nan)
    outside = [name for name, value in zip(names, logs, strict=True) if abs(value) > BOUND - 0.01]
    if outside:
        return nowhere, None if has_prior else f"the data does not bound {' and '.join(outside)}"
    if np.abs(slope(logs)).max() > _STILL:
        return nowhere, "no optimum was reached"
    values, vectors = np.linalg.eigh(_curvature(slope, logs))
    if values.min() <= 1e-12:
        return nowhere, "the likelihood is flat at its optimum"
    errors = np.sqrt(np.diag(vectors @ np.diag(1 / values) @ vectors.T) / weight)
    if errors.max() > _WIDEST and not has_prior:
        loose = [name for name, error in zip(names, errors, strict=True) if error > _WIDEST]
        return errors, f"the data hardly determines {' and '.join(loose)}"
    return errors, None


def covariance(likelihood: LogLikelihood, parameters: Floats, prior: LogLikelihood) -> Floats:
    """The covariance of the logarithms of the parameters at an optimum a posteriori (Laplace's approximation).

    No direction is less certain than a standard deviation of _WIDEST.
    """

    def slope(logs: Floats) -> Floats:
        at = np.exp(logs)
        return np.asarray(-(likelihood(at)[1] + prior(at)[1]) * at)

    values, vectors = np.linalg.eigh(_curvature(slope, np.log(parameters)))
    return np.asarray(vectors @ np.diag(1 / np.maximum(values, 1 / _WIDEST**2)) @ vectors.T)


def _curvature(slope: Callable[[Floats], Floats], logs: Floats) -> Floats:
    steps = np.eye(len(logs)) * _STEP
    found = np.array([(slope(logs + step) - slope(logs - step)) / (2 * _STEP) for step in steps])
    return np.asarray((found + found.T) / 2)


_WIDEST = 2.0
"""Above this standard error of its logarithm, a parameter is a guess: within a factor of fifty either way."""
