"""The sensor that tells of unusual sales and of missed targets, once an hour and once a day.

It tells like the sensor `alerts`: an alarm once, and once when it is over. Its cursor holds what it has told, and up to
when it has judged. Add here: when sales are judged, what is said. Not here: what is unusual (`gold.unusual_sales`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

import dagster as dg
import polars as pl

from assets.bronze.bronze import OffsetsLostError, unread_offsets
from assets.gold.targets import TargetFile, missed
from assets.gold.unusual_sales import QUARTER_LOOKS, Span, judged, last_day, last_hour, units_by_week
from assets.stream.alarms import Alarms
from assets.stream.stream_assets import Stream
from assets.tables import SILVER_EVENTS
from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
from resources.lake import Lake
from sensors.notices import Memory, Pager, notices, tell, undelivered

GRACE = timedelta(minutes=10)
"""After an hour or a day, for events that come a little late."""

MOST = 5
"""So many alarms of a span and a level are told, the least likely first."""

OVER = 0.05
"""An alarm is over once what is seen has at least this chance."""

_MARKS = re.compile(r"[<>&*_~`|@\x00-\x1f\x7f]+")
"""What a chat takes for a link, a mention or markup. Names come from the shop's events."""


@dataclass(frozen=True)
class SalesWatch:
    """Where the targets are, and the dashboard's public address, None if it has none."""

    targets: TargetFile
    dashboard: str | None


@dataclass(frozen=True)
class _Cursor:
    """Up to when each span was judged, and what was told."""

    judged: Mapping[str, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, text: str | None) -> "_Cursor":
        """Anything but a cursor of ours is an empty one: then what holds is told again."""
        try:
            found = json.loads(text or "")
            done = {str(name): datetime.fromisoformat(end).isoformat() for name, end in found["judged"].items()}
            return cls(done, Memory.of(json.dumps(found["memory"])))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    @property
    def text(self) -> str:
        return json.dumps({"judged": dict(self.judged), "memory": json.loads(self.memory.text)})


def sales_alarms(lake: Lake, span: Span, told: Mapping[str, str], dashboard: str | None) -> Alarms:
    """The alarms `sales/SPAN/LEVEL/NAME` of a span: those that begin, and of those that were `told` which are over."""
    found = judged(units_by_week(lake, span), QUARTER_LOOKS[span.name])
    unusual = found.filter("is_unusual").sort("chance").group_by("level", maintain_order=True).head(MOST)
    alarms: dict[str, str | None] = {
        _name(span, row): _said(span, row, dashboard) for row in unusual.iter_rows(named=True)
    }
    lasting = {_name(span, row) for row in found.filter(pl.col("chance") < OVER).iter_rows(named=True)}
    over = [name for name in told if name.startswith(f"sales/{span.name}/") and name not in lasting]
    return {**alarms, **{name: None for name in over if name not in alarms}}


def _name(span: Span, row: Mapping[str, object]) -> str:
    name = " ".join(_MARKS.sub(" ", str(row["name"])).split())
    return f"sales/{span.name}/{row['level']}/{name[:60]}"


def _said(span: Span, row: Mapping[str, object], dashboard: str | None) -> str:
    units, usual = int(str(row["units"])), float(str(row["usual"]))
    when = f"on {span.start:%F}" if span.name == "day" else f"from {span.start:%F %H:%M} to {span.end:%H:%M}"
    page = f"/product?search={quote(str(row['name']))}" if row["level"] in ("product", "brand") else "/?span=today"
    place = f"{dashboard.rstrip('/')}{page}" if dashboard else f"the dashboard's page {page}"
    return f"{units:,} units sold {when} UTC, usually {usual:,.0f} ({units / usual - 1:+.0%}): {place}"


def why_not_yet(lake: Lake, stream: Stream, end: datetime) -> str | None:
    """Why the time until `end` can't be judged: events may be missing. None if it can.

    If nobody visits the shop no newer event comes: then it must be known that nothing waits in Kafka.
    """
    files = lake.table(SILVER_EVENTS).files()
    newest = files["max.kafka_timestamp"].max() if "max.kafka_timestamp" in files.columns else None
    if isinstance(newest, datetime) and newest >= end:
        return None
    try:
        waiting = unread_offsets(lake, stream.open_reader())
    except (KafkaUnavailableError, TopicMissingError, OffsetsLostError) as error:
        return f"the lake has no event after {end:%F %H:%M} UTC, and Kafka can't be asked: {error}"
    return f"{waiting:,} messages wait in Kafka" if waiting else None


@dg.sensor(
    name="sales_alarms",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of unusual sales after each hour and each day, by shop, category, brand and product, and of "
    "missed targets: once when it starts, once when it is over.",
)
def sales_alarm_sensor(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    stream: dg.ResourceParam[Stream],
    pager: dg.ResourceParam[Pager],
    sales_watch: dg.ResourceParam[SalesWatch],
) -> dg.SkipReason:
    now, cursor = stream.clock(), _Cursor.of(context.cursor)
    done, told, said = dict(cursor.judged), dict(cursor.memory.told), list[str]()
    for span in (last_hour(now - GRACE), last_day(now - GRACE)):
        if done.get(span.name) == span.end.isoformat():
            continue
        reason = why_not_yet(lake, stream, span.end)
        if reason is not None:
            said.append(f"the {span.name} until {span.end:%F %H:%M} UTC can't be judged yet: {reason}")
            continue
        alarms = sales_alarms(lake, span, told, sales_watch.dashboard)
        if span.name == "day":
            alarms = {**alarms, **missed(lake, sales_watch.targets.read(), span.end)}
        news = notices(told, alarms)
        told = tell(pager, news, told, context.log.warning)
        if undelivered(news, told):
            said.append("not all was delivered: the log says why, the next tick tries again")
        else:
            done[span.name] = span.end.isoformat()
    context.update_cursor(_Cursor(done, Memory(told)).text)
    holds = [f"{name}: {fault}" for name, fault in told.items()]
    return dg.SkipReason("; ".join([*said, *holds]) or "sales are as usual, or can't be told from it")
