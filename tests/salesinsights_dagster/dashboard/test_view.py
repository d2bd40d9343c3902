"""A view and its address say the same."""

from urllib.parse import parse_qsl

import pytest

from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.view import View, ViewError

VIEWS = [
    *(View(name, known.name) for name, span in SPANS.items() for known in span.comparisons),
    View("today", category="a/b&c=d", brand="l'oréal + 100 %", product=4711, zone="America/New_York"),
    View("range", "week", since="2026-11-01", until="2026-11-03", brand="b"),
    View("range", "year", since="2026-11-01T08:15", until="2026-11-30"),
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
        ({"from": "2026-11-01"}, "from= and to= go together, and with span=range"),
        ({"span": "range"}, "from= and to= go together, and with span=range"),
        ({"span": "week", "from": "2026-11-01", "to": "2026-11-02"}, "from= and to= go together, and with span=range"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from=2026-11-02 is not before to=2026-11-01: exchange them"),
        (
            {"from": "2026-01-01", "to": "2026-06-30"},
            "from=2026-01-01 to=2026-06-30 are 181 days: choose 92 or fewer",
        ),
        (
            {"from": "yesterday", "to": "2026-11-01"},
            "from=yesterday is no time: write a day, such as 2026-11-01, or 2026-11-01T08:00",
        ),
        ({"from": "1970-01-01", "to": "1970-01-02"}, "from=1970-01-01 is not from 2019 to 2099"),
        (
            {"from": "2026-11-01T08:10", "to": "2026-11-01T09:00"},
            "from=2026-11-01T08:10 is no whole quarter of an hour: write minutes 00, 15, 30 or 45",
        ),
        (
            {"from": "2026-11-01", "to": "2026-11-14", "compare": "week"},
            "span=range can't be compared with compare=week: choose one of before, year",
        ),
        ({"product": "x"}, "product=x is no whole number"),
        ({"product": str(2**63)}, "product=9223372036854775808 is no product's number: they have 64 bits"),
        ({"span": "day"}, "span=day is unknown: choose one of hour, today, week, month, range"),
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


def test_a_range_is_named_by_its_days_or_its_hours() -> None:
    def title(since: str, until: str) -> str:
        return View().between(since, until).shown.title

    assert title("2026-11-01", "2026-11-07") == "1 Nov 2026 to 7 Nov 2026"
    assert title("2026-11-01", "2026-11-01") == title("2026-11-01T00:00", "2026-11-02T00:00") == "1 Nov 2026"
    assert title("2026-11-01T08:00", "2026-11-01T12:00") == "1 Nov 2026 08:00 to 1 Nov 2026 12:00"


def test_from_and_to_alone_are_a_range() -> None:
    assert View.read({"from": "2026-11-01", "to": "2026-11-02"}) == View().between("2026-11-01", "2026-11-02")
    assert View().between("2026-11-01", "2026-11-02").during("week") == View("week")
