"""When the assets run that follow gold at their own pace: by declarative automation, never on a payment's way to gold.

Add here: a cadence. Not here: what the assets hold.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.serving.duckdb_file import SERVING
from assets.tables import TABLES
from assets.tables.asset_specs import key_of
from assets.tables.table import Cadence

LOOK_SECONDS = 300
"""How often the conditions are evaluated, and so the shortest time between two runs."""

_CHANGED = dg.AutomationCondition.any_deps_updated() | dg.AutomationCondition.code_version_changed()

DUE = (_CHANGED | dg.AutomationCondition.initial_evaluation()).since(
    dg.AutomationCondition.newly_requested() & ~_CHANGED
)
"""A source was materialized since the last request, or a setting of the asset changed: its code version holds them.

Dagster's own `since_last_handled` forgets what was materialized between a request and the next evaluation: the last
sales before a quiet night would wait for the morning. The first evaluation does not know what was materialized before
it, so everything is due; an asset that is not behind costs little.
"""

FOLLOW = (DUE & ~dg.AutomationCondition.in_progress()).with_label(
    "a source was materialized, or a setting changed, since"
)

_HOUR = dg.AutomationCondition.cron_tick_passed("23 * * * *").since(dg.AutomationCondition.newly_requested())

HOURLY = (_HOUR & DUE).with_label("once an hour, if a source was materialized, or a setting changed, since")

SERVE = (FOLLOW | (_HOUR & ~dg.AutomationCondition.in_progress())).with_label(
    "a source was materialized since, and once an hour"
)
"""The BI file has views of the lake's data files. One that was replaced is kept for six hours."""

CONDITIONS: Mapping[Cadence, dg.AutomationCondition[Any]] = {
    Cadence.MINUTES: FOLLOW,
    Cadence.DAILY: FOLLOW,
    Cadence.HOURLY: HOURLY,
}
"""Also daily tables are asked every few minutes: each checks for itself whether a new day has come."""

CADENCES: Mapping[dg.AssetKey, dg.AutomationCondition[Any]] = {
    **{key_of(table): CONDITIONS[table.cadence] for table in TABLES.values() if table.cadence in CONDITIONS},
    SERVING.key: SERVE,
}


def with_cadence(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with its condition, for an asset that has one."""
    condition = CADENCES.get(spec.key)
    return spec.replace_attributes(automation_condition=condition) if condition else spec


customer_automation = dg.AutomationConditionSensorDefinition(
    "customers",
    target=dg.AssetSelection.assets(*CADENCES),
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    run_tags={"salesinsights/kind": "customers"},
    description="Runs what follows gold at its own pace: customers, audiences, visitors, products, restatements, BI.",
)
