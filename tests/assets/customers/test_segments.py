"""Who is active, what their segment is called, and what a shop's own file of rules may say."""

from pathlib import Path

import polars as pl
import pytest

from assets.customers.bg_nbd import BgNbd
from assets.customers.lifetime_model import LifetimeModel, predict
from assets.customers.options import ClvOptions
from assets.customers.segment_rules import BUILT_IN, SegmentsError, built_in, read_rules
from assets.customers.segments import segmented

DAYS = ClvOptions(unit_days=1)
BG, MBG = (LifetimeModel(BgNbd(0.8, 20, 7, 3, modified), None, DAYS, "no values") for modified in (False, True))
NONE = LifetimeModel(None, None, DAYS, "too few")


def buyer(frequency: int, recency: int, tenure: int, revenue: int = 50) -> pl.DataFrame:
    history = {"frequency": frequency, "recency": recency, "tenure_days": tenure}
    return pl.DataFrame([{**history, "monetary_value": 1, "revenue": revenue}]).cast({"revenue": pl.Decimal(18, 2)})


def segment(model: LifetimeModel, row: pl.DataFrame) -> str:
    return str(segmented(row, model, built_in()).item(0, "segment"))


def is_active(model: LifetimeModel, row: pl.DataFrame) -> bool:
    return bool(segmented(row, model, built_in()).item(0, "is_active"))


def test_a_new_buyer_is_no_lost_one_though_most_buy_once_and_a_silent_one_is() -> None:
    """Right after the first purchase three of ten still buy; after two years without another one, hardly anybody."""
    new, silent = buyer(0, 0, 0), buyer(0, 0, 730)

    chances = predict(pl.concat([new, silent]), MBG)["probability_alive"].to_list()

    assert chances == [pytest.approx(0.3), pytest.approx(0.02, abs=0.02)]
    assert (segment(MBG, new), segment(MBG, silent)) == ("new", "hibernating")


@pytest.mark.parametrize("model", [BG, MBG])
def test_the_model_says_who_is_active_by_each_customers_own_rhythm(model: LifetimeModel) -> None:
    """Five purchases within a month: silence for a week says nothing, and for four months that they have left."""
    assert (segment(model, buyer(4, 30, 37)), is_active(model, buyer(4, 30, 37))) == ("champions", True)
    assert (segment(model, buyer(4, 30, 150)), is_active(model, buyer(4, 30, 150))) == ("at risk", False)
    assert segment(model, buyer(5, 30, 150)) == "can't lose"


@pytest.mark.parametrize("model", [BG, NONE])
def test_where_the_model_can_not_tell_the_chance_is_unknown_and_the_recency_decides(model: LifetimeModel) -> None:
    found = [segment(model, buyer(0, 0, days)) for days in (30, 31, 60, 61, 120, 121)]

    assert found == ["new", "promising", "promising", "about to sleep", "about to sleep", "hibernating"]
    assert predict(buyer(0, 0, 365), model).item(0, "probability_alive") is None


def test_a_segment_does_not_depend_on_other_customers() -> None:
    """By fifths, where 80 of 100 bought once, the others had a 5 for two purchases and nobody had a 2, 3 or 4."""
    shop = pl.concat([buyer(0, 0, 10)] * 80 + [buyer(count, 5, 10) for count in (1, 2, 3, 4, 5)])

    found = segmented(shop, NONE, built_in())

    assert found["frequency_score"].to_list() == [1] * 80 + [2, 3, 4, 4, 5]
    alone = pl.concat(segmented(shop[place], NONE, built_in()) for place in range(shop.height))
    assert found.equals(alone)


def test_each_definition_is_told_in_words() -> None:
    rules = built_in()

    told = {segment.name: rules.definition(segment) for segment in rules.segments}

    assert told["champions"] == "active, bought within the last 30 days, bought on 4 days or more"
    assert told["hibernating"] == "not active"
    assert {segment.name for segment in rules.segments if not segment.active} == {
        "can't lose",
        "at risk",
        "hibernating",
    }


OWN = """
active = 0.8
[scores]
recency = [7, 14, 21, 28]
frequency = [2, 3, 4, 5]
monetary = [10.50, 100, 1_000, 10_000]
[[segments]]
name = "gold"
active = true
monetary = 3
action = "Call."
[[segments]]
name = "all"
active = true
action = "Write."
[[segments]]
name = "gone"
active = false
action = "Forget."
"""


def test_a_shop_has_rules_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "segments.toml"
    path.write_text(OWN)
    rules = read_rules(path)

    shop = pl.concat([buyer(0, 0, 21, 100), buyer(0, 0, 21, 99), buyer(0, 0, 22, 5_000)])

    found = segmented(shop, NONE, rules)
    assert found["segment"].to_list() == ["gold", "all", "gone"]
    assert rules.definition(rules.segments[0]) == "active, revenue of 100 or more"
    assert rules.fingerprint != built_in().fingerprint


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[7, 14, 21, 28]", "[7, 14, 14, 28]", "scores recency: Value error, is not 4 numbers, each greater"),
        ("[7, 14, 21, 28]", "[7, 14, 28]", "is not 4 numbers"),
        ("monetary = 3", "monetary = 6", "segments 1 monetary: Input should be less than or equal to 5"),
        ("monetary = 3", "money = 3", "segments 1 money: Extra inputs are not permitted"),
        ("monetary = 3", "", "a segment of those who are active names no score, and others follow"),
        ("active = false", "active = true", "a segment of those who are active names no score, and others follow"),
        ('name = "all"', 'name = "gold"', "two segments are called 'gold'"),
        ('action = "Forget."', "recency = 2\naction = 'Forget.'", "the last segment of those who are not active"),
        ('action = "Call."', "", "segments 1 action: Field required"),
        ("active = 0.8", "active = 2", "active: Input should be less than or equal to 1"),
        ("active = 0.8", "active = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    path = tmp_path / "segments.toml"
    path.write_text(OWN.replace(right, wrong, 1))

    with pytest.raises(SegmentsError) as refused:
        read_rules(path)

    assert str(refused.value).startswith(str(path))
    assert said in str(refused.value)


def test_the_page_shows_the_built_in_segments() -> None:
    rules, page = built_in(), Path("docs/customers.md").read_text()

    for segment in rules.segments:
        assert f"| {segment.name} | {rules.definition(segment)} | {segment.action} |" in page
    assert BUILT_IN.name in page
