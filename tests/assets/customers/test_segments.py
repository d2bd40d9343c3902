"""Who is active, and what their segment is called: one rule."""

import polars as pl
import pytest

from assets.customers.bg_nbd import BgNbd
from assets.customers.lifetime_model import LifetimeModel, predict
from assets.customers.options import ClvOptions
from assets.customers.segments import LOST, segmented

DAYS = ClvOptions(unit_days=1)
BG, MBG = (LifetimeModel(BgNbd(0.8, 20, 7, 3, modified), None, DAYS, "no values") for modified in (False, True))
NONE = LifetimeModel(None, None, DAYS, "too few")


def buyer(frequency: int, recency: int, tenure: int, scores: tuple[int, int] = (3, 3)) -> pl.DataFrame:
    history = {"frequency": frequency, "recency": recency, "tenure_days": tenure}
    return pl.DataFrame([{**history, "recency_score": scores[0], "frequency_score": scores[1], "monetary_value": 1}])


def segment(model: LifetimeModel, row: pl.DataFrame) -> str:
    return str(segmented(row, model).item(0, "segment"))


def test_a_new_buyer_is_no_lost_one_though_most_buy_once_and_a_silent_one_is() -> None:
    """Right after the first purchase three of ten still buy; after two years without another one, hardly anybody."""
    new, silent = buyer(0, 0, 0, (5, 1)), buyer(0, 0, 730, (1, 1))

    chances = predict(pl.concat([new, silent]), MBG)["probability_alive"].to_list()

    assert chances == [pytest.approx(0.3), pytest.approx(0.02, abs=0.02)]
    assert (segment(MBG, new), segment(MBG, silent)) == ("new", "hibernating")


@pytest.mark.parametrize(("scores", "lost", "active"), [
    ((5, 5), "can't lose", "champions"),
    ((4, 3), "at risk", "potential loyalists"),
    ((3, 1), "hibernating", "about to sleep"),
    ((1, 5), "can't lose", "loyal"),
    ((2, 3), "at risk", "need attention"),
    ((1, 2), "hibernating", "about to sleep"),
])  # fmt: skip
@pytest.mark.parametrize("model", [BG, MBG])
def test_whoever_has_probably_left_is_in_a_segment_of_the_lost_whatever_the_scores(
    model: LifetimeModel, scores: tuple[int, int], lost: str, active: str
) -> None:
    """Five purchases within a month: silence for a week says nothing, and for four months that they have left."""
    assert segment(model, buyer(4, 30, 37, scores)) == active
    assert segment(model, buyer(4, 30, 150, scores)) == lost
    assert lost in LOST
    assert active not in LOST


@pytest.mark.parametrize("model", [BG, NONE])
def test_where_the_model_can_not_tell_the_chance_is_unknown_and_the_recency_decides(model: LifetimeModel) -> None:
    found = [segment(model, buyer(0, 0, 365, (recency, 1))) for recency in range(1, 6)]

    assert found == ["hibernating", "hibernating", "about to sleep", "promising", "new"]
    assert predict(buyer(0, 0, 365), model).item(0, "probability_alive") is None
