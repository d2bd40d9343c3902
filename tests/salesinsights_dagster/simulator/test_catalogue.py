from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from salesinsights_dagster.simulator import calibration
from salesinsights_dagster.simulator.catalogue import build_catalogue


@pytest.fixture(scope="module")
def catalogue():
    return build_catalogue(3)


def test_one_seed_is_one_catalogue(catalogue):
    again, other = build_catalogue(3), build_catalogue(4)
    assert_frame_equal(catalogue.goods, again.goods)
    assert catalogue.prices.equals(again.prices)
    assert not catalogue.goods.equals(other.goods)


def test_product_ids_are_distinct(catalogue):
    assert catalogue.goods["product_id"].is_unique().all()


def test_category_ids_have_19_digits_that_no_float_holds(catalogue):
    ids = catalogue.goods["category_id"]
    assert (ids.cast(pl.String).str.len_chars() == 19).all()
    assert (ids.to_numpy().astype(np.float64).astype(np.int64) != ids.to_numpy()).mean() > 0.9


def test_a_category_has_one_code(catalogue):
    codes = catalogue.goods.group_by("category_id").agg(pl.col("category_code").n_unique())
    assert codes["category_code"].max() == 1
    assert set(catalogue.goods["category_code"].drop_nulls()) == set(calibration.CATEGORY_CODES)


def test_only_vouchers_have_negative_prices(catalogue):
    steps = catalogue.prices.len() // len(catalogue.goods)
    products = catalogue.prices.head(catalogue.products * steps)
    vouchers = catalogue.prices.tail(len(calibration.VOUCHER_ROUBLES) * steps)
    assert products.min() == 0
    assert str(products.max()) == "327.78"
    assert str(vouchers.max()) == "-7.94"
    assert str(vouchers.min()) == "-79.37"


def test_a_price_holds_for_weeks_and_changes_within_a_year(catalogue):
    rows = np.arange(2_000)
    prices = [catalogue.price_on(rows, np.full(2_000, 18_000 + day)).to_numpy() for day in range(0, 360, 5)]
    changes = np.mean([before != after for before, after in pairwise(prices)])
    assert 0.02 < changes < 0.15
    assert np.mean(prices[0] == np.stack(prices).min(axis=0)) < 0.9


def test_a_pick_within_a_category_stays_in_it(catalogue):
    category = np.unique(catalogue.category)
    position = np.linspace(0, 0.999, len(category))
    for carted in (True, False):
        rows = catalogue.pick(position, np.full(len(category), carted), category)
        assert catalogue.category[rows].tolist() == category.tolist()
