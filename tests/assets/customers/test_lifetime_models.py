"""BG/NBD, MBG/NBD and Gamma-Gamma, compared with published figures and the models' definitions; awkward customers."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.special import hyp2f1
from scipy.stats import beta, gamma

from assets.customers.bg_nbd import BgNbd, Histories, fit_bg_nbd
from assets.customers.gamma_gamma import GammaGamma, fit_gamma_gamma
from assets.customers.likelihood import Floats
from assets.customers.priors import of_purchases, of_values
from tests.conftest import SHARED_DATA

PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426)


@pytest.fixture(scope="module")
def cdnow() -> tuple[Floats, ...]:
    path: Path = SHARED_DATA / "cdnow_customers_summary.csv"
    if not path.exists():
        pytest.skip(f"the CDNOW summary is not at {path}")
    with path.open() as lines:
        rows = [[float(row[name]) for name in ("frequency", "recency", "T")] for row in csv.DictReader(lines)]
    return tuple(np.array(rows).T)


def test_cdnow_comes_out_as_published(cdnow: tuple[Floats, ...]) -> None:
    model, fit = fit_bg_nbd(Histories.of(*cdnow))

    printed = [f"{value:.3f}" for value in (model.r, model.alpha, model.a, model.b)]
    assert printed == ["0.243", "4.414", "0.793", "2.426"]
    assert f"{fit.log_likelihood:.1f}" == "-9582.4"
    assert f"{model.expected_purchases(*customer(2, 30.43, 38.86), [39])[0, 0]:.3f}" == "1.226"
    assert fit.fit_warning is None
    assert all(0 < error < 1 for error in fit.standard_errors.values())


def test_the_unit_of_time_changes_alpha_alone(cdnow: tuple[Floats, ...]) -> None:
    frequency, recency, age = cdnow
    weeks, _ = fit_bg_nbd(Histories.of(frequency, recency, age))
    days, _ = fit_bg_nbd(Histories.of(frequency, recency * 7, age * 7))

    assert (days.r, days.alpha, days.a, days.b) == pytest.approx((weeks.r, 7 * weeks.alpha, weeks.a, weeks.b), rel=1e-4)


def customer(frequency: float, recency: float, age: float) -> tuple[Floats, Floats, Floats]:
    return np.array([float(frequency)]), np.array([float(recency)]), np.array([float(age)])


def by_definition(model: BgNbd, x: int, recency: float, age: float) -> float:
    """The likelihood of one history, integrated over every rate and every leaving probability."""
    extra = int(model.modified)

    def density(rate: float, leaving: float) -> float:
        stays = (1 - leaving) ** (x + extra) * rate**x * np.exp(-rate * age)
        can_leave = x + extra > 0
        leaves = leaving * (1 - leaving) ** (x + extra - 1) * rate**x * np.exp(-rate * recency) if can_leave else 0.0
        weight = gamma.pdf(rate, model.r, scale=1 / model.alpha) * beta.pdf(leaving, model.a, model.b)
        return float((stays + leaves) * weight)

    return float(dblquad(density, 0, 1, 0, 15, epsabs=1e-9)[0])


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("history", [(0, 0.0, 3.0), (1, 1.5, 3.0), (4, 2.5, 3.0)])
def test_the_likelihood_is_the_integral_over_all_customers(history: tuple[int, float, float], modified: bool) -> None:
    model = BgNbd(2.0, 3.0, 2.0, 3.0, modified)

    assert model.log_likelihood(Histories.of(*customer(*history))) == pytest.approx(
        np.log(by_definition(model, *history)), abs=1e-6
    )


def by_series(model: BgNbd, x: float, recency: float, age: float, ahead: float) -> float:
    """Equation 10 of Fader, Hardie and Lee 2005, as printed."""
    a, b, power = model.a, model.b, model.r + x
    shrunk = ((model.alpha + age) / (model.alpha + age + ahead)) ** power
    series = hyp2f1(power, b + x, a + b + x - 1, ahead / (model.alpha + age + ahead))
    gone = (x > 0) * a / (b + x - 1) * ((model.alpha + age) / (model.alpha + recency)) ** power
    return float((a + b + x - 1) / (a - 1) * (1 - shrunk * series) / (1 + gone))


@pytest.mark.parametrize("history", [(0, 0.0, 38.86), (1, 5.0, 38.86), (10, 35.0, 38.86), (29, 38.0, 38.86)])
def test_expected_purchases_are_those_of_the_printed_series(history: tuple[float, float, float]) -> None:
    ahead = [1.0, 39.0, 400.0]

    found = PUBLISHED.expected_purchases(*customer(*history), ahead)[0]

    assert found == pytest.approx([by_series(PUBLISHED, *history, time) for time in ahead], rel=1e-7)


def test_there_is_no_pole_where_the_series_has_one() -> None:
    at, beside = BgNbd(0.5, 10, 1.0, 2), BgNbd(0.5, 10, 1.000001, 2)
    one = customer(3, 20, 30)

    assert at.expected_purchases(*one, [50]) == pytest.approx(beside.expected_purchases(*one, [50]), rel=1e-5)


positive = st.floats(0.05, 20)


@given(positive, positive, positive, positive, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_gradient_is_the_slope(r: float, alpha: float, a: float, b: float, modified: bool) -> None:
    history = Histories.of(np.array([0, 1, 4, 40.0]), np.array([0, 2, 9, 9.5]), np.array([10, 10, 10, 10.0]))
    at, step = np.array([r, alpha, a, b]), 1e-6

    def model(p: Floats) -> BgNbd:
        return BgNbd(p[0], p[1], p[2], p[3], modified)

    _, gradient = model(at)._likelihood(history)

    for place, slope in enumerate(gradient):
        up, down = (model(at + sign * step * at[place] * np.eye(4)[place]) for sign in (1, -1))
        secant = (up.log_likelihood(history) - down.log_likelihood(history)) / (2 * step * at[place])
        assert slope == pytest.approx(secant, rel=1e-3, abs=1e-3)


@given(positive, positive, positive)
@settings(max_examples=60, deadline=None)
def test_the_gradient_of_gamma_gamma_is_the_slope(p: float, q: float, scale: float) -> None:
    x, value, at, step = np.array([1, 2, 30.0]), np.array([3, 5, 4.0]), np.array([p, q, scale]), 1e-6

    _, gradient = GammaGamma(*at)._likelihood(x, value)

    for place, slope in enumerate(gradient):
        up, down = (GammaGamma(*(at + sign * step * at[place] * np.eye(3)[place])) for sign in (1, -1))
        secant = (up.log_likelihood(x, value) - down.log_likelihood(x, value)) / (2 * step * at[place])
        assert slope == pytest.approx(secant, rel=1e-3, abs=1e-3)


def shoppers(model: BgNbd, count: int, age: float, seed: int) -> tuple[Floats, Floats, Floats]:
    """Customers who behave as the model says, each seen until the same `age`."""
    chance = np.random.default_rng(seed)
    rates, leaving = chance.gamma(model.r, 1 / model.alpha, count), chance.beta(model.a, model.b, count)
    frequency, recency = np.zeros(count), np.zeros(count)
    alive = chance.random(count) >= leaving if model.modified else np.ones(count, bool)
    clock = np.zeros(count)
    while alive.any():
        clock = clock + chance.exponential(1 / rates)
        alive &= clock <= age
        frequency[alive], recency[alive] = frequency[alive] + 1, clock[alive]
        alive &= chance.random(count) >= leaving
    return frequency, recency, np.full(count, age)


@pytest.mark.parametrize("modified", [False, True])
def test_what_made_the_customers_is_found_again(modified: bool) -> None:
    truth = BgNbd(0.8, 6.0, 0.9, 2.5, modified)

    model, fit = fit_bg_nbd(Histories.of(*shoppers(truth, 60_000, 50, seed=1)), modified=modified)

    assert fit.fit_warning is None
    for name, error in fit.standard_errors.items():
        assert abs(getattr(model, name) - getattr(truth, name)) < 4 * error


def test_what_is_expected_is_what_happens() -> None:
    later, *_ = shoppers(PUBLISHED, 200_000, 78, seed=2)
    first = shoppers(PUBLISHED, 200_000, 39, seed=2)

    expected = PUBLISHED.expected_purchases(*first, [39])[:, 0].sum()

    assert expected == pytest.approx(later.sum() - first[0].sum(), rel=0.02)


def test_with_the_prior_cdnow_comes_out_as_published_but_for_a_hundredth(cdnow: tuple[Floats, ...]) -> None:
    model, fit = fit_bg_nbd(Histories.of(*cdnow), prior=of_purchases)

    found, printed = (model.r, model.alpha, model.a, model.b), (0.243, 4.414, 0.793, 2.426)
    assert found == pytest.approx(printed, rel=0.013)
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.005)
    assert model.expected_purchases(*customer(2, 30.43, 38.86), [39])[0, 0] == pytest.approx(1.226, abs=0.001)


AWKWARD = {
    "nobody": ([], [], []),
    "one customer": ([1], [3], [10]),
    "one buyer of one time": ([0], [0], [10]),
    "all one-time": ([0] * 500, [0] * 500, list(range(1, 501))),
    "all identical": ([3] * 500, [20] * 500, [30] * 500),
    "all bought today": ([0] * 20, [0] * 20, [0] * 20),
    "everybody at every chance": ([29] * 300, [29] * 300, [29] * 300),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("modified", [False, True])
def test_data_that_can_not_tell_is_called_so(name: str, modified: bool) -> None:
    columns = [np.array(values, float) for values in AWKWARD[name]]

    model, fit = fit_bg_nbd(Histories.of(*columns), modified=modified)

    assert fit.fit_warning is not None
    assert all(np.isfinite([model.r, model.alpha, model.a, model.b]))


@pytest.mark.parametrize("name", [name for name in AWKWARD if name != "nobody"])
@pytest.mark.parametrize("modified", [False, True])
def test_with_a_prior_any_data_has_an_answer(name: str, modified: bool) -> None:
    columns = [np.array(values, float) for values in AWKWARD[name]]

    model, fit = fit_bg_nbd(Histories.of(*columns), modified=modified, prior=of_purchases)

    assert fit.fit_warning in (None, "nobody has bought twice")
    expected, alive = (
        model.expected_purchases(columns[0], columns[1], columns[2], [90.0]),
        model.probability_alive(*columns),
    )
    assert ((expected >= 0) & (expected < 1_000)).all()
    assert ((alive >= 0) & (alive <= 1)).all()


@pytest.mark.parametrize("modified", [False, True])
def test_a_common_chance_to_leave_is_found_though_nothing_bounds_its_concentration(modified: bool) -> None:
    truth = BgNbd(1.0, 10.0, 7e5, 3e5, modified)
    history = Histories.of(*shoppers(truth, 5_000, 60, seed=3))

    _, alone = fit_bg_nbd(history, modified=modified)
    model, fit = fit_bg_nbd(history, modified=modified, prior=of_purchases)

    assert alone.fit_warning is not None
    assert fit.fit_warning is None
    assert model.a / (model.a + model.b) == pytest.approx(0.7, abs=0.03)
    assert model.a + model.b > 10


@given(positive, positive, positive, positive)
@settings(max_examples=60, deadline=None)
def test_the_gradient_of_a_prior_is_its_slope(first: float, second: float, third: float, fourth: float) -> None:
    for prior, at in ((of_purchases, (first, second, third, fourth)), (of_values, (first, second, third))):
        place = np.array(at)
        secants = [
            (prior(place + 1e-6 * one)[0] - prior(place - 1e-6 * one)[0]) / 2e-6 for one in np.eye(len(at)) * place
        ]
        assert prior(place)[1] * place == pytest.approx(secants, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("modified", [False, True])
def test_a_heavy_buyer_and_ten_years_break_nothing(modified: bool) -> None:
    columns = [
        np.append(some, more)
        for some, more in zip(shoppers(PUBLISHED, 3_000, 3_650, 3), (700, 3_648, 3_650), strict=True)
    ]

    model, fit = fit_bg_nbd(Histories.of(*columns), modified=modified)
    heavy = customer(700, 3_648, 3_650)
    (soon, later) = model.expected_purchases(*heavy, [90, 365])[0]

    assert fit.fit_warning is None
    assert 10 < soon < 18 < later < 71
    assert 0.5 < model.probability_alive(*heavy)[0] < 1


def test_a_customer_may_have_left_and_the_longer_the_silence_the_likelier() -> None:
    frequency, recency = np.full(5, 4.0), np.full(5, 10.0)

    alive = PUBLISHED.probability_alive(frequency, recency, np.array([10.0, 20, 50, 1_000, 1e9]))

    assert (np.diff(alive) < 0).all()
    assert 0 <= alive[-1] < 1e-6
    assert PUBLISHED.probability_alive(*customer(0, 0, 100))[0] == 1
    assert BgNbd(0.243, 4.414, 0.793, 2.426, modified=True).probability_alive(*customer(0, 0, 100))[0] < 1


def test_what_made_the_values_is_found_again() -> None:
    truth, chance = GammaGamma(6.25, 3.74, 15.44), np.random.default_rng(4)
    frequency = chance.integers(1, 12, 30_000).astype(float)
    rate = chance.gamma(truth.q, 1 / truth.gamma, len(frequency))
    value = chance.gamma(truth.p * frequency, 1 / (rate * frequency))

    model, fit = fit_gamma_gamma(frequency, value)

    assert fit.fit_warning is None
    for name, error in fit.standard_errors.items():
        assert abs(getattr(model, name) - getattr(truth, name)) < 4 * error
    assert model.expected_value(frequency, value).mean() == pytest.approx(value.mean(), rel=0.02)


def test_a_seen_value_is_drawn_towards_the_mean_of_all() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    of_all = 6.25 * 15.44 / 2.74

    none, few, many = model.expected_value(np.array([0.0, 1, 1_000]), np.array([0.0, 100, 100]))

    assert none == pytest.approx(of_all)
    assert of_all < few < many < 100


@pytest.mark.parametrize(
    ("frequency", "value"), [([], []), ([0, 0], [0, 0]), ([2], [5]), ([1] * 50, [5] * 50), ([1, 1], [-3, 0])]
)
def test_values_that_can_not_tell_are_called_so(frequency: list[float], value: list[float]) -> None:
    _, fit = fit_gamma_gamma(np.array(frequency, float), np.array(value, float))

    assert fit.fit_warning is not None


@pytest.mark.parametrize(
    ("frequency", "value"), [([2], [5]), ([1] * 50, [5] * 50), ([3] * 40, (np.arange(1, 41) / 41) ** -1.25)]
)
def test_with_a_prior_any_values_have_a_finite_mean(frequency: list[float], value: list[float]) -> None:
    """One of the cases has a tail so heavy that without the prior the mean of all customers is infinite."""
    seen = np.array(value, float)

    model, fit = fit_gamma_gamma(np.array(frequency, float), seen, of_values)

    assert fit.fit_warning is None
    assert model.q > 1
    assert seen.min() / 2 < model.expected_value(np.array([0.0]), np.array([0.0]))[0] < 3 * seen.max()
