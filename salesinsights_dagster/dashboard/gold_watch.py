"""The dashboard's own alerts: what Dagster can't tell when Dagster itself is what fails.

Add here: an alarm that must not depend on Dagster's daemon. Not here: any other alarm (`sensors.alert_sensor`).
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from confluent_kafka import KafkaException

from assets.bronze.bronze import OffsetsLostError, unread_offsets
from assets.gold.gold import gold_is_behind, whole_batches
from assets.stream.alarms import Alarms
from resources.kafka_reader import KafkaReader, KafkaUnavailableError, TopicMissingError
from resources.lake import Lake
from resources.lake_errors import LakeError
from salesinsights_dagster.home import write_private
from sensors.notices import ALERTS, Memory, Pager, notices, tell
from sensors.run_alarms import silence

STANDSTILL = timedelta(minutes=5)
"""While something waits. The promise is 45 seconds, and the daemon's `stalled` comes after about three minutes."""

MEMORY = "dashboard_alerts.json"

_log = logging.getLogger(__name__)


class GoldWatch:
    """Alerts that nothing reaches gold, and that the sensor of alerts is silent: each once, and its end once.

    One loop calls `look`. What was told is kept in the file `memory`, so that a dashboard that is started again tells
    nothing twice. `open_dagster` gives None where Dagster has never run.
    """

    def __init__(
        self,
        lake: Lake,
        open_reader: Callable[[], KafkaReader],
        open_dagster: Callable[[], dg.DagsterInstance | None],
        clock: Callable[[], datetime],
        pager: Pager,
        memory: Path,
    ) -> None:
        self._lake, self._open_reader, self._open_dagster = lake, open_reader, open_dagster
        self._clock, self._pager, self._memory = clock, pager, memory
        self._batch: int | None = None
        self._moved_at = datetime.fromtimestamp(0, UTC)
        self._is_moving = False

    def look(self) -> None:
        """Look once, and tell what is new. What could not be delivered is told at the next look."""
        now, told = self._clock(), self._told()
        alarms = {**self._standstill(now), **self._silence(now)}
        known = tell(self._pager, notices(told, alarms), told, _log.warning)
        if known != told:
            write_private(self._memory, Memory(known).text)

    def _told(self) -> dict[str, str]:
        try:
            return dict(Memory.of(self._memory.read_text()).told)
        except FileNotFoundError:
            return {}

    def _silence(self, now: datetime) -> Alarms:
        instance = self._open_dagster()
        return {} if instance is None else {"alerts_silent": silence(instance, ALERTS, now)}

    def _standstill(self, now: datetime) -> Alarms:
        """Not judged while the lake or Kafka can't be read: the time starts again when they can."""
        try:
            batch, waiting = whole_batches(self._lake), self._waiting()
        except (LakeError, KafkaUnavailableError, TopicMissingError, KafkaException):
            self._batch = None
            return {}
        if batch != self._batch or waiting is None:
            # What the first look finds may have stood there for an hour.
            self._is_moving = self._batch is not None or waiting is None
            self._batch, self._moved_at = batch, now
        if now - self._moved_at < STANDSTILL:
            return {"gold_stands_still": None} if self._is_moving else {}
        return {
            "gold_stands_still": f"nothing has reached gold since {self._moved_at:%F %T} UTC, though {waiting}. Does "
            "`salesinsights dev` run? If so, the Dagster UI (/jobs/stream) shows why; the dashboard's page is /health"
        }

    def _waiting(self) -> str | None:
        """What waits for gold, in words."""
        if gold_is_behind(self._lake):
            return "bronze has a batch that gold lacks"
        try:
            count = unread_offsets(self._lake, self._open_reader())
        except OffsetsLostError as error:
            return str(error)
        return f"{count:,} messages wait in Kafka" if count else None
