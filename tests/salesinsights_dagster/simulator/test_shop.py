from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.events.contract import EVENT
from salesinsights_dagster.simulator import calibration
from salesinsights_dagster.simulator.shop import Shop

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "2019-Nov.csv"
ORDER = ["event_time", "user_id", "user_session"]
LINE = ["user_session", "user_id", "product_id"]


def shares(events: pl.DataFrame) -> dict[str, float]:
    return dict(events["event_type"].value_counts(normalize=True).iter_rows())


def test_a_month_has_exactly_the_events_asked_for_in_time_order(november):
    assert november.schema == EVENT
    assert len(november) == 300_000
    assert november["event_time"].is_sorted()
    assert november["event_time"].min() >= datetime(2019, 11, 1, tzinfo=UTC)
    assert november["event_time"].max() < datetime(2019, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("events", [1, 7, 1_000])
def test_a_small_month_is_exact_too(events):
    assert len(pl.concat(Shop(1).month(2020, 2, events))) == events


def test_a_month_comes_as_one_frame_per_day():
    days = list(Shop(1).month(2020, 2, 20_000))
    assert [day["event_time"].dt.date().unique().to_list() for day in days] == [
        [datetime(2020, 2, day, tzinfo=UTC).date()] for day in range(1, 30)
    ]


def test_the_same_seed_and_month_give_the_same_events():
    first, again = (pl.concat(Shop(5).month(2019, 10, 5_000)) for _ in range(2))
    assert_frame_equal(first, again)


@pytest.mark.parametrize(("seed", "month"), [(6, 10), (5, 12)])
def test_another_seed_or_month_gives_other_events(seed, month):
    first, other = pl.concat(Shop(5).month(2019, 10, 2_000)), pl.concat(Shop(seed).month(2019, month, 2_000))
    assert first.join(other, on=["user_session"]).is_empty()


def test_event_types_have_their_published_shares(november):
    assert shares(november) == pytest.approx(calibration.EVENT_SHARES, abs=0.012)


def test_fields_are_absent_as_often_as_published(november):
    nulls = {name: count / len(november) for name, count in november.null_count().row(0, named=True).items() if count}
    assert nulls == {
        "category_code": pytest.approx(0.983, abs=0.005),
        "brand": pytest.approx(0.427, abs=0.02),
        "user_session": pytest.approx(0.0002, abs=0.0004),
    }


def test_prices_have_their_published_quartiles(november):
    price = november["price"].cast(pl.Float64)
    assert [price.quantile(q) for q in (0.25, 0.5, 0.75)] == pytest.approx([2.06, 4.05, 7.06], rel=0.1)
    assert price.mean() == pytest.approx(8.53, rel=0.1)
    assert price.max() == 327.78
    assert 0.0005 < (price == 0).mean() < 0.005


def test_negative_prices_are_rare_and_bought():
    vouchers = [day.filter(pl.col("price") < 0) for day in Shop(1).month(2019, 11, 600_000)]
    found = pl.concat(vouchers)
    assert 0 < len(found) < 20
    assert set(found["event_type"]) == {"purchase"}


def test_exact_duplicates_are_carts_and_removals(november):
    again = november.filter(~november.select(pl.struct(pl.all()).is_first_distinct()).to_series())
    assert len(again) / len(november) == pytest.approx(calibration.DUPLICATE_SHARE, abs=0.006)
    assert again["event_type"].is_in(["cart", "remove_from_cart"]).mean() > 0.999
    assert again.filter(event_type="purchase").is_empty()


def test_duplicates_come_in_bursts(november):
    copies = november.group_by(november.columns).len().filter(pl.col("len") > 1)
    assert copies.group_by("user_session").len()["len"].mean() > 2


def test_an_order_is_several_purchases_of_one_moment(november):
    orders = november.filter(event_type="purchase").group_by(ORDER).agg(pl.len(), pl.col("product_id").n_unique())
    assert (orders["len"] > 1).mean() > 0.9
    assert orders["len"].mean() == pytest.approx(8, abs=1)
    assert orders["len"].equals(orders["product_id"])


def test_most_purchases_follow_a_cart_of_the_visit_but_not_all(november):
    carts = november.filter(event_type="cart").group_by(LINE).agg(pl.col("event_time").min().alias("carted"))
    bought = november.filter(event_type="purchase").join(carts, on=LINE, how="left", nulls_equal=True)
    followed = (bought["carted"] <= bought["event_time"]).fill_null(False).mean()
    assert 0.9 < followed < 0.98


def test_sessions_are_mostly_short_and_some_span_midnight(november):
    time = pl.col("event_time")
    sessions = (
        november.drop_nulls("user_session")
        .group_by("user_session")
        .agg(
            minutes=(time.max() - time.min()).dt.total_seconds() / 60,
            days=time.dt.date().n_unique(),
            users=pl.col("user_id").n_unique(),
        )
    )
    assert sessions["minutes"].median() == 0
    assert sessions["minutes"].quantile(0.95) == pytest.approx(30, abs=5)
    assert (sessions["days"] > 1).mean() == pytest.approx(0.01, abs=0.009)
    assert sessions["users"].max() == 1


def test_users_are_as_many_as_the_events_call_for(november):
    users = {kind: november.filter(event_type=kind)["user_id"].n_unique() for kind in ("view", "cart", "purchase")}
    scale = 300_000 / 4_140_000
    assert users == {
        "view": pytest.approx(376_000 * scale, rel=0.1),
        "cart": pytest.approx(99_000 * scale, rel=0.15),
        "purchase": pytest.approx(27_400 * scale, rel=0.15),
    }


def test_some_users_return_in_the_next_month_most_do_not():
    users = [pl.concat(Shop(1).month(2019, month, 30_000))["user_id"].unique() for month in (10, 11)]
    returning = users[1].is_in(users[0].implode()).mean()
    assert returning == pytest.approx(0.2, abs=0.08)


def test_hours_follow_the_published_curve(november):
    hours = november["event_time"].dt.hour().value_counts(normalize=True).sort("event_time")["proportion"].to_numpy()
    curve = np.array(calibration.VIEWS_BY_UTC_HOUR)
    assert hours == pytest.approx(curve / curve.sum(), abs=0.006)


def test_popularity_has_a_long_tail(november):
    counts = november["product_id"].value_counts()["count"]
    assert counts.sort()[-1] / len(november) == pytest.approx(0.01, abs=0.008)
    assert len(counts) > 30_000


def test_products_change_their_price_within_a_quarter():
    events = pl.concat([day for month in (10, 12) for day in Shop(1).month(2019, month, 100_000)])
    prices = events.filter(pl.col("price") > 0).group_by("product_id").agg(pl.len(), pl.col("price").n_unique())
    assert (prices.filter(pl.col("len") > 10)["price"] > 1).mean() == pytest.approx(0.85, abs=0.14)


def test_a_month_reads_like_the_real_one(november):
    if not REAL.exists():
        pytest.skip("the real rows are not on this machine")
    real = pl.read_csv(REAL, schema_overrides={"category_code": pl.String, "brand": pl.String})
    assert real.columns == november.columns
    ours, theirs = shares(november), shares(real)
    assert ours == pytest.approx(theirs, abs=0.12)
