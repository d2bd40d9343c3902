"""The axis of the chart of waits, whose lines may not write over each other."""

import pytest

from salesinsights_dagster.dashboard.pages.live import wait_axis


@pytest.mark.parametrize(
    ("longest", "step", "end"),
    [
        (0.0, 15, 60),
        (61.0, 15, 75),
        (90.0, 15, 90),
        (306.1, 60, 360),
        (3_601.0, 1_800, 5_400),
        (90_000.0, 18_000, 90_000),
    ],
)
def test_an_axis_has_at_most_six_steps_and_holds_the_longest_wait(longest: float, step: int, end: int) -> None:
    assert wait_axis(longest) == {"interval": step, "max": end}
