"""Segments by month, and who became what: what they show, and what a refresh computes again."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.customers import segment_months
from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.customers.segment_months import clear_segments, refresh_segments, segments_are_behind
from assets.customers.segment_rules import SegmentRules, built_in
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, SEGMENT_MOVES, SEGMENTS
from resources.lake import Lake
from tests.assets.customers.shoppers import Bought, customer_days, regular_shop
from tests.lakes import rows

OCT, NOV, DEC = date(2019, 10, 1), date(2019, 11, 1), date(2019, 12, 1)
BOUGHT: Bought = {
    1: [(5, "10.00"), (9, "10.00"), (40, "5.00")],  # October twice, November
    2: [(20, "7.00")],  # October alone
    3: [(45, "1.00"), (70, "2.00")],  # November, December
    4: [(70, "3.00")],
    9: [(30, "1.00"), (60, "1.00")],  # on the last days of October and November
}


def sell(lake: Lake, bought: Bought) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days(bought), {})


def follow(lake: Lake, rules: SegmentRules | None = None) -> None:
    refresh_customer_value(lake, rules)
    refresh_segments(lake, rules)


@pytest.fixture
def sold(lake: Lake) -> Lake:
    sell(lake, BOUGHT)
    follow(lake)
    return lake


def moves(lake: Lake, month: date) -> set[tuple[str, str, int]]:
    found = rows(lake, SEGMENT_MOVES).filter(month=month)
    return set(found.select("from_segment", "to_segment", "customers").rows())


def counts(lake: Lake, month: date) -> dict[str, int]:
    found = rows(lake, SEGMENTS).filter(pl.col("customers") > 0, month=month)
    return dict(found.select("segment", "customers").iter_rows())


def test_who_became_what_from_month_to_month(sold: Lake) -> None:
    assert moves(sold, OCT) == {
        ("no customer yet", "potential loyalists", 1),
        ("no customer yet", "new", 2),
    }
    assert moves(sold, NOV) == {
        ("potential loyalists", "potential loyalists", 1),
        ("new", "promising", 1),
        ("new", "potential loyalists", 1),
        ("no customer yet", "new", 1),
    }
    assert moves(sold, DEC) == {
        ("potential loyalists", "potential loyalists", 2),
        ("promising", "promising", 1),
        ("new", "potential loyalists", 1),
        ("no customer yet", "new", 1),
    }


def test_a_month_has_every_segment_with_its_definition_shares_and_action(sold: Lake) -> None:
    found = rows(sold, SEGMENTS).filter(month=NOV).sort("position")

    assert found["segment"].to_list() == [segment.name for segment in built_in().segments]
    assert counts(sold, NOV) == {"potential loyalists": 2, "new": 1, "promising": 1}
    new = found.row(by_predicate=pl.col("segment") == "new", named=True)
    assert (new["as_of"], new["revenue"], new["is_active"]) == (date(2019, 11, 30), Decimal("1.00"), True)
    assert (new["share"], new["revenue_share"]) == (0.25, pytest.approx(1 / 35, abs=1e-6))
    assert new["definition"] == "active, bought within the last 30 days"
    assert new["expected_value"] is None
    now = rows(sold, SEGMENTS).filter(month=DEC)
    assert set(now["as_of"]) == set(rows(sold, CUSTOMER_VALUE)["as_of"]) == {date(2019, 12, 10)}
    assert now["revenue"].sum() == rows(sold, CUSTOMER_VALUE)["revenue"].sum()


def test_a_segments_expected_value_is_that_of_its_customers(lake: Lake) -> None:
    sell(lake, regular_shop(1_000, 120))
    refit(lake, ClvOptions(), datetime(2026, 1, 1, tzinfo=UTC))
    follow(lake)

    value = rows(lake, CUSTOMER_VALUE)
    found = rows(lake, SEGMENTS).filter(pl.col("month") == pl.col("month").max(), pl.col("customers") > 0)
    summed = pl.col("near_predicted_value").sum().cast(SEGMENTS.schema["expected_value"])
    expected = value.group_by("segment").agg(expected_value=summed)
    assert_frame_equal(found.select("segment", "expected_value"), expected, check_row_order=False)
    months = rows(lake, SEGMENTS).group_by("month").agg(pl.col("expected_value").sum())
    assert months.height == 4
    assert (months["expected_value"] > 0).all()


def test_only_months_whose_purchases_changed_are_computed_again(sold: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, state = list[date | None](), segment_months._Months._state

    def noted(of: segment_months._Months, parts: list[pl.DataFrame], until: date | None) -> pl.DataFrame:
        computed.append(until)
        return state(of, parts, until)

    monkeypatch.setattr(segment_months._Months, "_state", noted)
    october, november = date(2019, 10, 31), date(2019, 11, 30)

    def recomputed(bought: Bought) -> list[date | None]:
        computed.clear()
        sell(sold, bought)
        assert refresh_customer_value(sold).buyers
        assert segments_are_behind(sold, built_in())
        refresh_segments(sold)
        assert not segments_are_behind(sold, built_in())
        return computed

    assert recomputed({4: [(71, "1.00")]}) == [november]
    assert recomputed({5: [(47, "1.00")]}) == [october, november]
    assert recomputed({5: [(2, "1.00")]}) == [None, october, november]
    assert recomputed({6: [(93, "1.00")]}) == [november, date(2019, 12, 31)]


def test_after_any_changes_the_tables_are_those_of_one_look(
    sold: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changes: list[Bought] = [
        {4: [(71, "1.00")]},
        {5: [(47, "1.00")]},
        {6: [(93, "2.00")]},
        {7: [(2, "1.00"), (93, "1.00")]},
    ]
    for bought in changes:
        sell(sold, bought)
        follow(sold)
    clear_segments(sold)
    assert rows(sold, SEGMENTS).is_empty()
    again = Lake(str(tmp_path_factory.mktemp("again")))
    for bought in (BOUGHT, *changes):
        sell(again, bought)
        follow(again)
    follow(sold)

    for layout in (SEGMENTS, SEGMENT_MOVES):
        assert_frame_equal(rows(sold, layout), rows(again, layout))


def test_other_rules_sort_all_months_again(sold: Lake) -> None:
    usual = built_in()
    segments = [segment.model_copy(update={"name": segment.name.upper()}) for segment in usual.segments]
    other = usual.model_copy(update={"segments": tuple(segments)})
    assert segments_are_behind(sold, other)

    follow(sold, other)

    assert counts(sold, OCT) == {"POTENTIAL LOYALISTS": 1, "NEW": 2}
    assert not segments_are_behind(sold, other)


def test_nobody_has_no_segments(lake: Lake) -> None:
    follow(lake)

    assert rows(lake, SEGMENTS).is_empty()
