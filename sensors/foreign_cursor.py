"""What is done about a cursor that is not the sensor's own, such as one that somebody set in the UI.

Our own sensors read such a cursor as an empty one (`notices.Memory`). That of declarative automation is Dagster's: each
tick fails at one that it can't read, until somebody empties it.
Add here: a sensor of Dagster's whose cursor must be mended. Not here: what our own sensors remember.
"""

import binascii
import zlib

import dagster as dg
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.scheduler.instigation import SensorInstigatorData
from dagster._daemon.asset_daemon import asset_daemon_cursor_from_instigator_serialized_cursor
from dagster_shared.serdes.errors import DeserializationError

from sensors.customer_automation import customer_automation
from sensors.run_alarms import states_of

_UNREADABLE = (
    DagsterInvariantViolationError, DeserializationError, binascii.Error, zlib.error, ValueError, IndexError
)  # fmt: skip


def mend_cursor(instance: dg.DagsterInstance) -> bool:
    """Empty the cursor of the sensor `customers` if Dagster can't read it; return whether it was.

    With an empty one everything is due once, and a table that is not behind costs little. Idempotent.
    """
    mended = False
    for state in states_of(instance, customer_automation.name):
        data = state.instigator_data
        if isinstance(data, SensorInstigatorData) and not _is_readable(data.cursor):
            instance.update_instigator_state(state.with_data(data._replace(cursor=None)))
            mended = True
    return mended


def _is_readable(cursor: str | None) -> bool:
    try:
        asset_daemon_cursor_from_instigator_serialized_cursor(cursor, None)
    except _UNREADABLE:
        return False
    return True
