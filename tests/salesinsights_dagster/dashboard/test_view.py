"""A view and its address say the same."""

from urllib.parse import parse_qsl

import pytest

from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.view import View, ViewError

VIEWS = [
    *(View(name, known.name) for name, span in SPANS.items() for known in span.comparisons),
    View("today", category="a/b&c=d", brand="l'oréal + 100 %", product=4711, zone="America/New_York"),
]


def reread(view: View) -> View:
    return View.read(dict(parse_qsl(view.query)))


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_view_is_read_back_from_its_address(view: View) -> None:
    assert reread(view) == view


def test_what_an_address_does_not_give_is_the_usual() -> None:
    assert View.read({}) == View.read({"span": "", "theme": "dark"}) == View("hour", "before")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"zone": "Berlin"}, "zone=Berlin is no time zone: give its IANA name, such as Europe/Berlin"),
        ({"product": "x"}, "product=x is no whole number"),
        ({"product": str(2**63)}, "product=9223372036854775808 is no product's number: they have 64 bits"),
        ({"span": "day"}, "span=day is unknown: choose one of hour, today, week, month"),
        (
            {"span": "week", "compare": "day"},
            "span=week can't be compared with compare=day: choose one of before, year",
        ),
    ],
)
def test_what_can_not_be_shown_is_said_in_a_sentence(asked: dict[str, str], said: str) -> None:
    with pytest.raises(ViewError) as refused:
        View.read(asked)

    assert str(refused.value) == said


def test_another_span_keeps_the_comparison_that_it_has() -> None:
    assert View("hour", "year").during("month") == View("month", "year")
    assert View("hour", "week").during("month") == View("month", "before")


def test_filters_are_added_and_taken_away_one_by_one() -> None:
    stacked = View("today").only("brand", "irisk").only("product", "4711")

    assert stacked.filters == {"brand": "irisk", "product": "4711"}
    assert stacked.during("week").only("brand", None) == View("week", product=4711)
