"""The machine finds nothing, in the same stories each time; `python -m benchmarks --only model` tells it new ones."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine

STORIES = settings(
    max_examples=25,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(1_200)
def test_no_story_harms_the_lake() -> None:
    run_state_machine_as_test(Machine, settings=STORIES)
