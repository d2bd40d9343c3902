"""Sensors and their ticks, as Dagster's daemon leaves them in its storage.

Add here: what the daemon writes. Not here: a test.
"""

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo


def a_sensor(
    instance: dg.DagsterInstance, name: str, cursor: str | None = None, is_stopped: bool = False
) -> InstigatorState:
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="salesinsights_dagster.definitions"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    status = InstigatorStatus.STOPPED if is_stopped else InstigatorStatus.DECLARED_IN_CODE
    data = SensorInstigatorData(cursor=cursor)
    return instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status, data))


def a_tick(instance: dg.DagsterInstance, state: InstigatorState, status: str, at: float) -> None:
    """One that ended with this status; one that failed has an error."""
    error = SerializableErrorInfo("ValueError: no cursor of ours\n", [], None) if status == "FAILURE" else None
    data = TickData(
        state.instigator_origin_id,
        state.instigator_name,
        InstigatorType.SENSOR,
        TickStatus(status),
        at,
        error=error,
        selector_id=state.selector_id,
    )
    instance.create_tick(data)
