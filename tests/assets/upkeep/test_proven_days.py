"""The nightly proof remembers what it has proven, catches up, and sees each change of a day, by whatever hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from deltalake import write_deltalake

from assets.archive import month_loader
from assets.gold.gold import rebuild_gold
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import Stream
from assets.tables import (
    DAILY,
    PRODUCT_SALES,
    PROOFS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.upkeep import proof as proving
from assets.upkeep import proven_days
from assets.upkeep.forget_user import forget
from assets.upkeep.lake_files import keep_up
from assets.upkeep.proof import compare_apart, keep, prove
from assets.upkeep.proof_checks import proof, proof_check
from assets.upkeep.proven_days import ProofState, due_days, open_compared, proof_state
from assets.upkeep.repair import repair
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.table_layout import TableLayout
from sensors.jobs import PROOF
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.conftest import event
from tests.faults.interleaving import crash_before, once_before
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 1, 3, tzinfo=UTC)
MONTH = [date(2019, 10, day) for day in (1, 2, 3, 4)]
CHANGED = MONTH[1]
LINES = [
    *(PURCHASE.replace("2019-10-01", str(day)) for day in MONTH),
    PURCHASE.replace("2019-10-01", str(CHANGED)).replace("463240011", "7"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A month in which the same user buys on each of four days, and another one on the day that is going to change."""
    (tmp_path / "archive").mkdir()
    put(tmp_path / "archive", LINES)
    return tmp_path / "archive"


@pytest.fixture
def loaded(lake: Lake, folder: Path) -> Lake:
    load(lake, folder)
    return lake


def state(lake: Lake, now: datetime = NOW) -> ProofState:
    return proof_state(open_compared(lake), now)


def night(lake: Lake, now: datetime = NOW) -> list[date]:
    """Prove what is due; return the days."""
    days = list(due_days(open_compared(lake), now))
    for day in days:
        prove(lake, day, 45, now)
    return days


def test_nights_catch_up_from_the_oldest_day_on(loaded: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven_days, "MOST_DAYS", 3)
    monkeypatch.setattr(proven_days, "MOST_ROWS", 0)

    before = state(loaded)
    nights = [night(loaded) for _ in range(3)]

    assert (before.closed, before.oldest, list(before.unproven)) == (4, MONTH[0], MONTH)
    assert nights == [MONTH[:3], MONTH[3:], []]
    assert state(loaded) == ProofState(4, [], {})


def test_a_night_proves_more_days_if_they_are_small(loaded: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven_days, "MOST_DAYS", 1)
    monkeypatch.setattr(proven_days, "MOST_ROWS", 4)

    assert night(loaded) == MONTH[:3]


def test_a_day_that_is_not_over_is_not_proved(loaded: Lake) -> None:
    morning = datetime(2019, 10, 3, 2, 40, tzinfo=UTC)

    assert night(loaded, morning) == MONTH[:2]
    assert state(loaded, morning).closed == 2


Change = Callable[[Lake, Stream, MockKafka, Path], object]


def late_event(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    kafka.publish(stream.open_reader().topic, [event(event_time=f"{CHANGED} 09:00:00 UTC", price=9)])
    run(lake, stream)


def corrected_month(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    put(folder, [line.replace("2.62", "9") if str(CHANGED) in line else line for line in LINES])
    load(lake, folder)


def backfill(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    with finishing(lake, [CHANGED], rebuilds=1):
        rebuild_silver(lake, [CHANGED])
        rebuild_gold(lake, DAILY, [CHANGED], 45)


def in_its_place(lake: Lake, layout: TableLayout, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Rewrite the data file of the day itself; the table's log knows nothing of it."""
    (place,) = map(Path, lake.table(layout).file_uris(layout.on_days([CHANGED])))
    change(pl.read_parquet(place, hive_partitioning=False)).write_parquet(place)


def tampered_file(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    in_its_place(lake, PRODUCT_SALES, lambda rows: rows.with_columns(units=pl.col("units") + 1))


def other_writer(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    wrong = rows(lake, PRODUCT_SALES).filter(event_date=CHANGED).with_columns(orders=pl.lit(9))
    where = PRODUCT_SALES.on_days([CHANGED])
    write_deltalake(lake.uri(PRODUCT_SALES), wrong, mode="overwrite", predicate=where)


def dropped_day(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    for layout in (SILVER_EVENTS, SILVER_PURCHASES, *DAILY):
        lake.table(layout).replace(rows(lake, layout).clear(), layout.on_days([CHANGED]), {})


def lost_file(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    (place,) = lake.table(SILVER_EVENTS).file_uris(SILVER_EVENTS.on_days([CHANGED]))
    Path(place).write_bytes(b"")
    list(repair(lake, 45, stream.open_reader))


def forgotten_user(lake: Lake, stream: Stream, kafka: MockKafka, folder: Path) -> None:
    forget(lake, 7, NOW, 45)


@pytest.mark.parametrize(
    "change",
    [late_event, corrected_month, backfill, forgotten_user, lost_file, tampered_file, other_writer, dropped_day],
)
def test_a_day_that_anybody_changed_is_unproven(
    loaded: Lake, stream: Stream, mock_kafka: MockKafka, folder: Path, change: Change
) -> None:
    night(loaded)

    change(loaded, stream, mock_kafka, folder)

    touched = set(MONTH) if change is corrected_month else {CHANGED}
    assert set(state(loaded).unproven) == touched
    assert state(loaded).oldest == min(touched)
    night(loaded)
    is_wrong = change in (tampered_file, other_writer, dropped_day)
    assert list(state(loaded).differing) == ([CHANGED] if is_wrong else [])
    assert state(loaded).unproven == []


def test_a_replay_leaves_its_day_unproven(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [event(), event(event_type="bought", user_id=2)])
    run(lake, stream)
    later = datetime(2100, 1, 1, tzinfo=UTC)
    night(lake, later)
    assert state(lake, later).unproven == []

    monkeypatch.setattr("assets.events.message_parser.EVENT_TYPES", {"purchase": "purchase", "bought": "purchase"})
    replay(lake, sorted(set(rows(lake, SILVER_QUARANTINE)["arrival_date"])), 45)

    assert MONTH[0] in state(lake, later).unproven


def test_upkeep_after_the_proof_leaves_an_untouched_lake_proven(loaded: Lake) -> None:
    list(keep_up(loaded, NOW))
    night(loaded)

    list(keep_up(loaded, NOW))

    assert state(loaded).unproven == []


def test_a_day_that_differs_is_compared_every_night_until_it_is_mended(
    loaded: Lake, stream: Stream, mock_kafka: MockKafka, folder: Path
) -> None:
    other_writer(loaded, stream, mock_kafka, folder)

    first, second = night(loaded), night(loaded)
    differing = state(loaded).differing
    rebuild_gold(loaded, DAILY, [CHANGED], 45)
    third = night(loaded)

    assert (first, second, third) == (MONTH, [CHANGED], [CHANGED])
    assert differing == {CHANGED: [PRODUCT_SALES.name]}
    assert state(loaded) == ProofState(4, [], {})


def test_days_that_differ_do_not_hold_up_the_others(
    loaded: Lake, stream: Stream, mock_kafka: MockKafka, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered_file(loaded, stream, mock_kafka, folder)
    monkeypatch.setattr(proven_days, "MOST_DAYS", 2)
    monkeypatch.setattr(proven_days, "MOST_ROWS", 0)

    assert [night(loaded), night(loaded), night(loaded)] == [MONTH[:2], MONTH[2:], [CHANGED]]


def test_a_file_that_cannot_be_read_fails_its_day_and_no_other(loaded: Lake) -> None:
    (place,) = loaded.table(SILVER_EVENTS).file_uris(SILVER_EVENTS.on_days([CHANGED]))
    whole = Path(place).read_bytes()
    Path(place).write_bytes(whole[: len(whole) // 2])

    night(loaded)

    assert list(state(loaded).differing) == [CHANGED]
    assert state(loaded).unproven == []


def test_proofs_that_a_power_cut_took_are_made_again(loaded: Lake, stream: Stream) -> None:
    night(loaded)
    Path(loaded.table(PROOFS).file_uris()[0]).write_bytes(b"")

    found = [finding.kind for finding in repair(loaded, 45, stream.open_reader)]

    assert "lost" not in found
    assert night(loaded) == MONTH


@pytest.mark.parametrize("step", ["put_in_silver", "rebuild_gold"])
def test_a_month_that_is_half_loaded_is_unproven_and_not_wrong(
    loaded: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    night(loaded)
    put(folder, [PURCHASE, PURCHASE.replace("2.62", "9")])
    crash_before(monkeypatch, month_loader, step, lambda: load(loaded, folder))

    assert night(loaded) == []
    assert MONTH[0] in state(loaded).unproven
    assert state(loaded).differing == {}
    load(loaded, folder)
    assert night(loaded) != []
    assert state(loaded).unproven == []


def test_a_day_that_changes_while_it_is_compared_is_left_to_another_night(
    loaded: Lake, stream: Stream, mock_kafka: MockKafka, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, proving, "differences", lambda: late_event(loaded, stream, mock_kafka, folder))

    found = prove(loaded, CHANGED, 45, NOW)

    assert found is None
    assert CHANGED in state(loaded).unproven


def test_a_day_that_changes_after_a_task_compared_it_is_left_to_another_night(
    loaded: Lake, stream: Stream, mock_kafka: MockKafka, folder: Path
) -> None:
    compared = compare_apart(loaded.root, 45, [CHANGED])
    late_event(loaded, stream, mock_kafka, folder)

    assert not keep(loaded, compared, NOW)
    assert CHANGED in state(loaded).unproven
    assert keep(loaded, compare_apart(loaded.root, 45, [CHANGED]), NOW)
    assert CHANGED not in state(loaded).unproven


def test_a_task_does_not_take_a_missing_lake_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="must reach the lake's folder under the same path"):
        compare_apart(str(tmp_path / "elsewhere"), 45, [CHANGED])

    assert not (tmp_path / "elsewhere").exists()


def test_the_checks_show_the_oldest_unproven_day(loaded: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven_days, "MOST_DAYS", 3)
    monkeypatch.setattr(proven_days, "MOST_ROWS", 0)
    defs = dg.Definitions(assets=[proof], jobs=[PROOF], resources={"lake": loaded, "stream": stream})

    result = defs.resolve_job_def(PROOF.name).execute_in_process()

    verdicts = {check.asset_check_key: check for check in result.get_asset_check_evaluations()}
    shown = {name: value.value for name, value in verdicts[proof_check(PRODUCT_SALES)].metadata.items()}
    assert all(verdict.passed for verdict in verdicts.values())
    assert shown == {
        "days": 3,
        "closed_days": 4,
        "unproven_days": 1,
        "oldest_unproven_day": str(MONTH[3]),
        "differences": 0,
    }
    assert sorted(rows(loaded, PROOFS)["event_date"]) == MONTH[:3]
