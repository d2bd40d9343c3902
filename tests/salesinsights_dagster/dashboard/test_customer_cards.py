"""What the cards of the Customers page say, from rows of gold."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl

from assets.customers.segment_months import NO_CUSTOMER
from assets.tables import COHORT_RETENTION, EXPECTED_SALES, SALES_BACKTEST, SEGMENT_MOVES, SEGMENTS
from resources.lake import Lake
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard.customer_tiles import change_of
from salesinsights_dagster.dashboard.customers import Customers, customers_now
from salesinsights_dagster.dashboard.outlook_card import ahead, past_months, said_before, said_of
from salesinsights_dagster.dashboard.retention_card import heat_map
from salesinsights_dagster.dashboard.segment_moves_card import moved
from salesinsights_dagster.dashboard.segments_card import customers_by_month, end_before, segment_rows

OCTOBER, NOVEMBER = date(2019, 10, 1), date(2019, 11, 1)


def of(layout: TableLayout, *rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(layout.schema), **row} for row in rows], schema=layout.schema, orient="row")


def shop(lake: Lake, **frames: pl.DataFrame) -> Customers:
    """A page's figures with these frames."""
    return replace(customers_now(lake), **frames)  # type: ignore[arg-type]


def test_a_segment_shows_its_change_its_share_and_what_is_expected(lake: Lake) -> None:
    facts = {"segment": "at risk", "position": 1, "is_active": False, "definition": "not active", "action": "Write."}
    money = {"share": 0.25, "revenue": Decimal("1234.50"), "revenue_share": 0.5}
    months = of(
        SEGMENTS,
        {**facts, **money, "month": OCTOBER, "as_of": date(2019, 10, 31), "customers": 12},
        {**facts, **money, "month": NOVEMBER, "as_of": date(2019, 11, 20), "customers": 1_015},
    )
    ends = {"revenue": Decimal("90.4"), "revenue_low": Decimal("70"), "revenue_high": Decimal("120")}
    expected = of(EXPECTED_SALES, {"horizon_days": 30, "part": "segment", "name": "at risk", **ends})

    (row,) = segment_rows(shop(lake, segment_months=months, expected_sales=expected))

    assert {name: row[name] for name in ("customers", "share", "change", "kind", "since", "expected", "interval")} == {
        "customers": "1,015", "share": "25.0 %", "change": "▲ 1,003", "kind": "si-bad", "since": "Since 31 Oct",
        "expected": "90", "interval": "70 to 120",
    }  # fmt: skip
    assert row["csv"] == "/api/customers/members?segment=at%20risk&format=csv"


def test_a_month_in_which_nobody_bought_is_a_month_of_the_trend(lake: Lake) -> None:
    ends = {OCTOBER: date(2019, 10, 31), NOVEMBER: date(2019, 10, 31), date(2019, 12, 1): date(2019, 12, 5)}
    facts = {"segment": "new", "position": 1, "is_active": True, "share": 1.0, "revenue": Decimal(0)}
    rows = [
        {**facts, "month": month, "as_of": end, "customers": count}
        for (month, end), count in zip(ends.items(), (4, 4, 9), strict=True)
    ]
    months = of(SEGMENTS, *rows)

    (row,) = segment_rows(shop(lake, segment_months=months))

    assert (row["change"], row["since"], row["expected"]) == ("▲ 5", "Since 30 Nov", "not known")
    assert customers_by_month(months) == [4, 4, 9]
    assert (end_before(months), end_before(months.head(1))) == (date(2019, 11, 30), None)


def test_a_month_brings_new_customers_wins_some_back_and_loses_others() -> None:
    moves = [
        (NO_CUSTOMER, "new", 5),
        (NO_CUSTOMER, "hibernating", 1),
        ("new", "hibernating", 7),
        ("hibernating", "new", 2),
        ("hibernating", "hibernating", 90),
        ("new", "new", 10),
    ]
    rows = [{"month": NOVEMBER, "from_segment": was, "to_segment": now, "customers": n} for was, now, n in moves]

    assert moved(of(SEGMENT_MOVES, *rows), NOVEMBER, {"new"}) == (6, 2, 7)
    assert moved(of(SEGMENT_MOVES, *rows), OCTOBER, {"new"}) == (0, 0, 0)


def test_the_heat_map_has_a_row_per_cohort_and_leaves_open_what_is_not_over() -> None:
    held = [(OCTOBER, OCTOBER, 0, 200, 200), (OCTOBER, NOVEMBER, 1, 200, 25), (NOVEMBER, NOVEMBER, 0, 90, 90)]
    rows = [
        {"activity": "view", "cohort": cohort, "month": month, "months_since": since, "cohort_users": of_all}
        | {"users": users, "retention": users / of_all, "revenue": Decimal("7.00")}
        for cohort, month, since, of_all, users in held
    ]

    drawn = heat_map(of(COHORT_RETENTION, *rows))

    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", drawn)).strip()
    assert text.endswith("First in People +1 Nov 2019 90 Oct 2019 200 12.5 %")
    assert 'title="25 of 200 in Nov 2019 so far; revenue 7.00"' in drawn
    assert heat_map(of(COHORT_RETENTION)) == ""


def test_expected_sales_stand_beside_what_came_before_and_how_past_months_did(lake: Lake) -> None:
    ends = {"revenue": Decimal("1000"), "revenue_low": Decimal("800"), "revenue_high": Decimal("1250.6")}
    expected = of(
        EXPECTED_SALES,
        {"horizon_days": 90, "part": "shop", "name": "shop", **ends},
        {"horizon_days": 365, "part": "customers so far", "name": "customers so far", "prediction": "none: too few"},
    )
    sold = {90: Decimal("950.20"), 365: None}
    found = shop(lake, expected_sales=expected, sold_before=sold, first_sale=OCTOBER)  # type: ignore[arg-type]
    months = [("model", True, Decimal("90")), ("model", False, Decimal("50")), ("none: too few", None, None)]
    tried: list[dict[str, object]] = [
        {"month": date(2019, n, 1), "prediction": why, "is_within": held, "expected": told, "actual": Decimal("85")}
        for n, (why, held, told) in enumerate(months, 1)
    ]
    past = of(SALES_BACKTEST, *tried)

    assert ahead(found).rows() == [("90 days, all", "1,000", "800", "1,251")]
    assert said_before(found, 90) == "The 90 days before brought 950."
    assert said_before(found, 365) == "The lake has not all of the 365 days before: sales begin 01 Oct 2019."
    assert said_of(past) == "Past months: what came was within the interval in 1 of 2."
    assert said_of(past.tail(1)) == "Past months: nothing was expected of them (none: too few)."
    assert past_months(past)["expected"].to_list() == ["not known", "50", "90"]


def test_a_change_is_told_only_where_there_was_something_before() -> None:
    assert [change_of(110, 100), change_of(5, None), change_of(5, 0)] == [Decimal("10.0"), None, None]
