"""The last hour of a busy day: real sensor and daemon, a simulated shop, a day that is already full, everything on.

Add here: figures about a live stream late on a day. Not here: the first minutes of an empty one (`latency`).
"""

import subprocess
import time
from datetime import timedelta

from assets.bronze.bronze import next_offsets
from assets.stream.checks import percentiles
from assets.tables import BRONZE_EVENTS
from benchmarks.busy_day import load_day
from benchmarks.latency import observed, waits
from benchmarks.open_dashboard import open_dashboard
from benchmarks.programs import cpu_percent, listed, memory, run_memory
from benchmarks.system import COMMAND, System, fresh_system, prove_live
from resources.kafka_reader import KafkaReader
from resources.lake import Lake

BURST_RATE, BURST_SECONDS, MOST_DRAIN_SECONDS = 5_000, 120, 900
STAYS = 5 / 6
"""Of the time that is measured, a run stays for so much: a long life is seen, and a hand-over too."""
MOST_START_SECONDS = 120


def run(events: int, rate: int, seconds: int) -> list[dict[str, object]]:
    """Percentiles of payment to gold, memory at the start and at the end, and how long it takes to read a burst."""
    with fresh_system(SALESINSIGHTS_STREAM_MINUTES=str(round(STAYS * seconds / 60))) as system:
        day = load_day(system, events, timedelta(minutes=1))
        lake = Lake(system.settings.lake)
        before = lake.table(BRONZE_EVENTS).progress("batch") or 0
        with observed(system) as (dagster, observer), open_dashboard(system) as dashboard:
            processes = dagster.process.pid, dashboard
            at_start = memory(*processes)
            with run_memory(*processes) as held, cpu_percent(*processes, system.broker_pid) as used:
                _sell(system, rate, seconds)
            at_end = memory(*processes)
            time.sleep(60)
            steady = max(observer.seen)
            _sell(system, BURST_RATE, BURST_SECONDS)
            drained = _drained(system, lake)
        prove_live(system)
        waited = waits(lake, observer.seen)
    live = waited.filter(waited["batch"].is_between(before + 1, steady))
    return [
        {
            **day.figures(),
            "events/s": rate,
            "seconds": seconds,
            **percentiles(live["wait"].drop_nulls()),
            "not seen in gold": live["wait"].null_count(),
            **{f"{name}: MB at the start / end": f"{at_start.get(name, 0)} / {mb}" for name, mb in at_end.items()},
            **{f"the oldest run: {name}": figure for name, figure in held.items()},
            "% of a core": listed(used),
            f"s until {BURST_RATE:,} events/s for {BURST_SECONDS} s were read": drained,
            "nothing unread, audit": "passed",
        }
    ]


def _sell(system: System, rate: int, seconds: int) -> None:
    subprocess.run([COMMAND, "simulate", "--rate", str(rate), "--for", str(seconds)], env=system.env, check=True)


def _drained(system: System, lake: Lake) -> float:
    """Seconds until nothing is left in Kafka that the lake has not read."""
    reader, begun = KafkaReader(system.connection, system.settings.topic), time.monotonic()
    while time.monotonic() - begun < MOST_DRAIN_SECONDS:
        state = reader.state()
        read = next_offsets(lake.table(BRONZE_EVENTS), reader.topic, state)
        if all(state.end[partition] == at for partition, at in read.items()):
            return round(time.monotonic() - begun, 1)
        time.sleep(0.5)
    raise RuntimeError(f"after {MOST_DRAIN_SECONDS} s there were still messages that no batch had read")
