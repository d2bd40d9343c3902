"""When an alarm is told: patience with what flaps, and what a sensor remembers."""

from datetime import UTC, datetime, timedelta

import pytest

from sensors.notices import Memory, Notice, Patience, Turn, notices, settled, spoken, undelivered

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Watch:
    """A sensor's ticks, one a minute: what each of them tells."""

    def __init__(self, patience: Patience) -> None:
        self.memory, self.now, self._patience = Memory(), START, patience
        self.webhook_is_up = True

    def tick(self, fault: str | None, result: float | None = None) -> list[Notice]:
        results = {} if result is None else {"lag": result}
        ripe, turns = settled({"lag": fault}, self.memory, self.now, lambda name: self._patience, results)
        news, told = notices(self.memory.told, ripe), dict(self.memory.told)
        for notice in news if self.webhook_is_up else []:
            told.pop(notice.name, None)
            told |= {notice.name: notice.fault} if notice.fault else {}
        # As the cursor keeps it between two ticks.
        self.memory = Memory.of(Memory.after(told, {"lag": fault}, turns).text)
        self.now += MINUTE
        return news


ON, OVER = [Notice("lag", "behind")], [Notice("lag", None)]


def test_without_patience_each_change_is_told_at_once() -> None:
    watch = Watch(Patience())

    assert [watch.tick(fault) for fault in ("behind", "behind", None, None)] == [ON, [], OVER, []]


def test_what_holds_for_a_moment_is_not_told_and_starts_again() -> None:
    watch = Watch(Patience(before=2 * MINUTE))
    faults = ["behind", None, "behind", "behind", "behind", None]

    assert [watch.tick(fault) for fault in faults] == [[], [], [], [], ON, OVER]


def test_its_end_is_told_once_it_is_over_for_as_long() -> None:
    watch = Watch(Patience(after=2 * MINUTE))
    faults = ["behind", None, "behind", None, None, None]

    assert [watch.tick(fault) for fault in faults] == [ON, [], [], [], [], OVER]


def test_what_was_not_delivered_does_not_wait_again() -> None:
    watch = Watch(Patience(before=2 * MINUTE, results=3))
    watch.webhook_is_up = False
    in_vain = [watch.tick("behind") for _ in range(4)]
    watch.webhook_is_up = True

    assert (in_vain, watch.tick("behind"), watch.tick("behind")) == ([[], [], ON, ON], ON, [])


def test_one_result_that_stays_the_newest_counts_once() -> None:
    """The last batch before a quiet night was late: that is no reason to wake somebody."""
    watch = Watch(Patience(before=MINUTE, results=3))

    assert [watch.tick("behind", 7.0) for _ in range(60)] == [[]] * 60
    assert [watch.tick("behind", result) for result in (8.0, 9.0)] == [[], ON]


def test_a_repeated_result_counts_for_nothing() -> None:
    watch = Watch(Patience(before=MINUTE, results=1))

    assert [watch.tick("behind", 0.0) for _ in range(9)] == [[]] * 9


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        "",
        "garbage",
        "{}",
        "5",
        "null",
        "[]",
        '"text"',
        '{"told": 5, "turns": {}}',
        '{"told": {}, "turns": {"lag": 5}}',
        '{"told": {}, "turns": {"lag": ["noon", 1, 1.0]}}',
        '{"told": {}, "turns": {"lag": ["2026-11-24T12:00:00+00:00", Infinity, 1.0]}}',
        pytest.param("[" * 100_000, id="deep"),
        '{"told": {}, "turns": {"lag": ["2026-11-24T12:00:00", 1, 1.0]}}',
        '{"__class__": "RunStatusSensorCursor", "record_id": 7}',
        "1eJxLTEoGAAJNASc=",
    ],
)
def test_a_cursor_that_is_not_its_own_is_an_empty_one(cursor: str | None) -> None:
    assert Memory.of(cursor) == Memory()


def test_its_own_cursor_comes_back() -> None:
    memory = Memory({"lag": "behind"}, {"kafka": Turn(START, 2, 7.5)})

    assert Memory.of(memory.text) == memory


def test_what_is_said_is_what_holds() -> None:
    left = undelivered([Notice("lag", "behind"), Notice("kafka", None)], {"kafka": "silent"})

    said = spoken({"lag": "behind", "kafka": None}, Memory({"kafka": "silent", "late/x": "late"}), left)

    assert said == (
        "lag: behind; late/x: late (can't be judged now); "
        "lag was not delivered: the log says why, the next tick tries again; "
        "kafka was not delivered: the log says why, the next tick tries again"
    )
    assert spoken({"lag": None}, Memory(), []) == "all is well"
    waits = Memory(turns={"lag": Turn(START)})
    assert spoken({"lag": "behind"}, waits, []) == "lag: behind (since 12:00:00 UTC, not told yet)"
    assert spoken({"lag": None}, waits, []) == "lag: over (since 12:00:00 UTC, not told yet)"
