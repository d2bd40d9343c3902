"""When the assets run that follow gold in their own time: by declarative automation, never on the way of a payment.

Add here: a cadence. Not here: what the assets hold.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.catalog import key_of
from assets.customers.customer_assets import CUSTOMER_ASSETS
from assets.serving import SERVING
from assets.tables import ABANDONED_CARTS, BEHAVIOUR, COHORT_RETENTION, RESTATEMENTS

LOOK_SECONDS = 300
"""How often the conditions are looked at; so it is the shortest time between two runs."""

FOLLOW = (
    dg.AutomationCondition.any_deps_updated().since_last_handled() & ~dg.AutomationCondition.in_progress()
).with_label("what it is made from was made since")

HOURLY = dg.AutomationCondition.on_cron("23 * * * *").with_label("once an hour, if what it is made from was made since")

CADENCES: Mapping[dg.AssetKey, dg.AutomationCondition[Any]] = {
    **{key_of(layout): FOLLOW for layout in (*CUSTOMER_ASSETS, *BEHAVIOUR, ABANDONED_CARTS, RESTATEMENTS)},
    SERVING.key: FOLLOW,
    key_of(COHORT_RETENTION): HOURLY,
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
    description="What follows gold in its own time: customers, visits, carts, cohorts, restatements, the BI file.",
)
