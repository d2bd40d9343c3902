"""Gamma-Gamma: the mean value of a customer's purchases, estimated from the few that were seen.

Source: P. Fader, B. Hardie, "The Gamma-Gamma Model of Monetary Value", 2013.
Add here: what follows from the model alone. Not here: how many purchases there will be (`bg_nbd`).
"""

from dataclasses import dataclass

import numpy as np

from assets.customers.likelihood import Fit, Floats, LogLikelihood, covariance, maximise

NAMES = ("p", "q", "gamma")


@dataclass(frozen=True)
class GammaGamma:
    """The parameters of Gamma-Gamma; `gamma` is in the currency of the values."""

    p: float
    q: float
    gamma: float

    def log_likelihood(self, frequency: Floats, value: Floats) -> float:
        """The sum over customers with `frequency` purchases of mean `value`, both above 0 (equation 1a)."""
        return self._likelihood(frequency, value)[0]

    def expected_value(self, frequency: Floats, value: Floats) -> Floats:
        """The mean value of a customer's next purchases (equation 5): the seen mean, drawn towards that of all.

        With no purchase seen (`frequency` 0; `value` is ignored) it is the mean of all customers, infinite for q <= 1.
        """
        seen = np.where(frequency > 0, value, 0.0)
        below = self.p * frequency + self.q - 1
        return np.asarray(
            np.where(below > 0, self.p * (self.gamma + frequency * seen) / np.where(below > 0, below, 1), np.inf)
        )

    def _likelihood(self, x: Floats, value: Floats) -> tuple[float, Floats]:
        from scipy.special import digamma, gammaln

        p, q, gamma = self.p, self.q, self.gamma
        shape, whole = p * x, gamma + x * value
        each = (
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma)
            + (shape - 1) * np.log(value) + shape * np.log(x) - (shape + q) * np.log(whole)
        )  # fmt: skip
        gradient = [
            x * (digamma(shape + q) - digamma(shape) + np.log(value) + np.log(x) - np.log(whole)),
            digamma(shape + q) - digamma(q) + np.log(gamma) - np.log(whole),
            q / gamma - (shape + q) / whole,
        ]
        return float(each.sum()), np.array([by.sum() for by in gradient])


def fit_gamma_gamma(frequency: Floats, value: Floats, prior: LogLikelihood | None = None) -> tuple[GammaGamma, Fit]:
    """The model with the largest likelihood; with a `prior` of p, q - 1 and gamma, a posteriori, and then with q > 1.

    Only repeat purchases with a positive mean value count. The fit's `fit_warning` says why it can't be trusted.
    """
    telling = (frequency > 0) & (value > 0)
    x, seen = frequency[telling].astype(float), value[telling].astype(float)
    if len(x) == 0:
        return GammaGamma(1, 1, 1), Fit({}, {}, 0.0, "nobody has bought again at a positive value")
    unit = float(seen.mean())
    least = 0.0 if prior is None else 1.0
    fit = maximise(NAMES, lambda p: GammaGamma(p[0], p[1] + least, p[2])._likelihood(x, seen / unit), len(x), prior)
    units = {"p": 1.0, "q": 1.0, "gamma": unit}
    in_units = {name: figure * units[name] + least * (name == "q") for name, figure in fit.parameters.items()}
    errors = {name: figure * (unit if name == "gamma" else 1) for name, figure in fit.standard_errors.items()}
    model = GammaGamma(**in_units)
    fit_warning = fit.fit_warning or ("the mean of all customers is not finite (q <= 1)" if model.q <= 1 else None)
    return model, Fit(in_units, errors, model.log_likelihood(x, seen), fit_warning)


def values_covariance(model: GammaGamma, frequency: Floats, value: Floats, prior: LogLikelihood) -> Floats:
    """The covariance of the logarithms of p, q - 1 and gamma, for a model that was fitted to these customers."""
    telling = (frequency > 0) & (value > 0)
    x, seen = frequency[telling].astype(float), value[telling].astype(float)
    unit = float(seen.mean())
    at = np.array([model.p, model.q - 1, model.gamma / unit])
    return covariance(lambda p: GammaGamma(p[0], p[1] + 1, p[2])._likelihood(x, seen / unit), at, prior)
