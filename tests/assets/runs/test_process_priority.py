"""Runs that make way for the stream. The suite itself sets NICENESS to 0 (`tests.conftest`)."""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from assets.runs.launched_by_hand import AUTOMATED
from assets.runs.process_priority import yield_to_stream


@pytest.mark.parametrize(
    ("tags", "times"),
    [({}, 0), ({"dagster/partition": "2019-10-01"}, 0), ({"dagster/backfill": "a"}, 1), ({AUTOMATED: "true"}, 1)],
)
def test_backfills_and_automated_runs_make_way(
    tags: Mapping[str, str], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(os, "setpriority", lambda *asked_for: asked.append(asked_for))

    @dg.asset
    def one(context: dg.AssetExecutionContext) -> None:
        yield_to_stream(context)

    assert dg.materialize([one], tags=tags).success
    assert len(asked) == times
