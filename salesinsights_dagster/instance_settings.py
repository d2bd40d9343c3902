"""Dagster's own settings, as this installation has them: dagster.yaml, with the parts that our settings ask for.

Add here: what depends on a setting. Not here: what always holds (`dagster.yaml`), or where it is written
(`dagster_process`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from salesinsights_dagster.extras import need_package
from salesinsights_dagster.settings import Settings

OTHER_RUNS = 4
"""Places for runs that no backfill takes."""

_FOLDER = Path(__file__).parent
_HEAD = "# Made from dagster.yaml of SalesInsights and its settings, again at every start.\n"


def instance_settings(settings: Settings) -> str:
    """The text of dagster.yaml for these settings.

    Raises MissingExtraError if a setting needs an extra that is not installed.
    """
    merged: dict[str, Any] = {}
    for part in _parts(settings):
        merged = _laid_over(merged, part)
    return _HEAD + yaml.safe_dump(merged, sort_keys=False)


def _parts(settings: Settings) -> Iterator[dict[str, Any]]:
    yield _read("dagster.yaml")
    if settings.dagster_db:
        need_package("dagster_postgres", "SALESINSIGHTS_DAGSTER_DB", "postgres")
        yield _read("dagster_postgres.yaml")
    if settings.celery:
        need_package("dagster_celery", "SALESINSIGHTS_CELERY", "celery")
        yield _read("dagster_celery.yaml")
    yield {"concurrency": {"runs": _places(settings.backfill_runs)}}


def _places(backfill_runs: int) -> dict[str, Any]:
    """How many runs at once. Backfills never take all places, so that the stream always finds a free one."""
    limits = _read("dagster.yaml")["concurrency"]["runs"]["tag_concurrency_limits"]
    others = [limit for limit in limits if limit["key"] != "dagster/backfill"]
    return {
        "max_concurrent_runs": OTHER_RUNS + backfill_runs,
        "tag_concurrency_limits": [*others, {"key": "dagster/backfill", "limit": backfill_runs}],
    }


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_FOLDER / name).read_text())
    return found


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings as one; where both have a value, the one above counts, and mappings in them are merged too."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
