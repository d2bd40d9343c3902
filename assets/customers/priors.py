"""Weakly informative priors: what is believed of a shop before it has data, so that any data has an answer.

A few dozen customers who came back do not bound every parameter. If all leave with the same chance, the likelihood
grows without end as a and b do, though a / (a + b) is known well. A prior on what is *not* known then gives the answer
(maximum a posteriori). It counts about as much as one customer, so it decides nothing where the data says something: on
CDNOW's 2,357 customers no parameter of BG/NBD moves by more than 1.3 %.

BG/NBD: a prior can speak of the mean chance to leave and of its concentration, a / (a + b) and a + b (A. Gelman et al.,
"Bayesian Data Analysis", 3rd edition, 5.3), and of the shape r of the rates and their mean r / alpha. All are normal on
the logarithmic scale (logit for the chance), with a spread of a factor of 4.5: a chance is then nearly uniform. A
density that vanishes at the bounds keeps the optimum off them (Y. Chung et al., "A nondegenerate penalized likelihood
estimator for variance parameters in multilevel models", Psychometrika 78, 2013).

Add here: a prior. Not here: how an optimum is found (`likelihood`).
"""

import numpy as np

from assets.customers.likelihood import Floats

SPREAD = 1.5
"""The standard deviation of a logarithm: a factor of 4.5 either way."""

WIDE = 3.0
"""That of a mean whose size nobody knows: a factor of 20 either way."""

_CONCENTRATION = float(np.log(3.0))
_SHAPE, _ABOVE_ONE = float(np.log(5.0)), float(np.log(3.0))


def of_purchases(parameters: Floats) -> tuple[float, Floats]:
    """The logarithm of the prior of r, alpha, a and b (up to a constant), and its gradient; ages are at most 1."""
    r, alpha, a, b = parameters
    rate, chance, concentration = np.log(r / alpha) / WIDE**2, np.log(a / b) / SPREAD**2, np.log(a + b) - _CONCENTRATION
    shape = np.log(r) / SPREAD**2
    value = shape * np.log(r) + rate * np.log(r / alpha) + chance * np.log(a / b) + (concentration / SPREAD) ** 2
    spread = concentration / SPREAD**2 / (a + b)
    gradient = [-(shape + rate) / r, rate / alpha, -chance / a - spread, chance / b - spread]
    return float(-value / 2), np.array(gradient)


def of_values(parameters: Floats) -> tuple[float, Floats]:
    """The logarithm of the prior of p, q - 1 and gamma, and its gradient; the mean of the values is 1.

    Of Gamma-Gamma: the shape p of a customer's values, how far q is above 1 (with less, the mean of all customers is
    not finite), and that mean, p * gamma / (q - 1).
    """
    p, above, scale = parameters
    mean = np.log(p * scale / above)
    shape, tail = np.log(p) - _SHAPE, np.log(above) - _ABOVE_ONE
    value = (shape / SPREAD) ** 2 + (tail / SPREAD) ** 2 + (mean / SPREAD) ** 2
    gradient = [-(shape + mean) / p, (mean - tail) / above, -mean / scale]
    return float(-value / 2), np.array(gradient) / SPREAD**2
