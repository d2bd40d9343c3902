"""Runs that make way for the stream. In the suite itself their NICENESS is its own (`tests.conftest`)."""

import os

import dagster as dg
import pytest

from assets.runs import process_priority
from assets.runs.launched_by_hand import AUTOMATED
from assets.runs.process_priority import yield_to_stream


def run(**tags: str) -> None:
    @dg.asset
    def one(context: dg.AssetExecutionContext) -> None:
        yield_to_stream(context)

    assert dg.materialize([one], tags=tags).success


@pytest.mark.parametrize(
    ("tags", "makes_way"),
    [
        ({}, False),
        ({"dagster/partition": "2019-10-01"}, False),
        ({"dagster/backfill": "a"}, True),
        ({AUTOMATED: "true"}, True),
    ],
)
def test_backfills_and_automated_runs_make_way(
    tags: dict[str, str], makes_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "setpriority", lambda *wanted: asked.append(wanted))

    run(**tags)

    assert asked == [(os.PRIO_PROCESS, 0, process_priority.NICENESS)] * makes_way


def test_an_automated_run_leaves_the_tests_after_it_their_priority() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)

    run(**{AUTOMATED: "true"})

    assert os.getpriority(os.PRIO_PROCESS, 0) == before
