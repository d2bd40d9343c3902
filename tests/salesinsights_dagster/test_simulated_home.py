"""Simulated sales and a shop's own share no lake without a word."""

from datetime import UTC, datetime

import pytest

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.commands.simulated_home import OwnDataError, let_demo_in, say_if_simulated
from salesinsights_dagster.settings import Settings, load_settings
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)


@pytest.fixture
def settings(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings({"SALESINSIGHTS_HOME": str(home), "SALESINSIGHTS_LAKE": lake.root})


@pytest.fixture
def own_data(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)


def test_a_new_home_is_marked_and_who_comes_later_is_told(
    settings: Settings, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    say_if_simulated(settings)
    assert capsys.readouterr().err == ""

    let_demo_in(settings, lake, NOW, mix=False)
    say_if_simulated(settings)

    told = capsys.readouterr().err
    assert told.startswith("Note: The demo's shop has sold here since 2026-11-27 08:30 UTC.")
    assert "SALESINSIGHTS_HOME" in told


@pytest.mark.usefixtures("own_data")
def test_the_demo_does_not_sell_beside_events_of_ones_own(settings: Settings, lake: Lake) -> None:
    with pytest.raises(OwnDataError, match=r"SALESINSIGHTS_HOME=\S+-demo\. .*--mix"):
        let_demo_in(settings, lake, NOW, mix=False)

    let_demo_in(settings, lake, NOW, mix=True)
    let_demo_in(settings, lake, NOW, mix=False)


def test_the_demo_goes_on_where_it_has_sold(
    settings: Settings, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    let_demo_in(settings, lake, NOW, mix=False)
    mock_kafka.publish(topic, [event()])
    run(lake, stream)

    let_demo_in(settings, lake, NOW, mix=False)
