"""A backfill that is killed anywhere between silver and gold: the next run of the stream brings its days to gold."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.archive import month_loader
from assets.gold import unfinished_days as finishing_days
from assets.gold.gold import rebuild_gold
from assets.progress.rebuild_marks import abandoned_days, finishing, unfinished_days
from assets.progress.untold_days import untold_days
from assets.silver import silver
from assets.silver.purchases import rebuild_purchases
from assets.silver.silver import rebuild_silver
from assets.stream import stream_assets
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, CUSTOMER_DAYS, DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from assets.tables.asset_specs import key_of
from assets.upkeep.audit import audit
from resources.lake import Lake
from sensors.kafka_sensor import has_leftovers
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.assets.stream.dagster_runs import execute
from tests.conftest import event
from tests.faults.interleaving import CrashError, crash_before, once_before
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

FIRST, SECOND = date(2019, 10, 1), date(2019, 10, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A month in which a purchase of 5.00 is bought on each of two days."""
    (tmp_path / "archive").mkdir()
    line = PURCHASE.replace("2.62", "5.00")
    put(tmp_path / "archive", [line, line.replace("2019-10-01", "2019-10-02")])
    return tmp_path / "archive"


@pytest.fixture
def stream(stream: Stream, mock_kafka: MockKafka, topic: str, lake: Lake) -> Stream:
    """One that has read a purchase of 2.62 on the first day."""
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    return stream


def revenue(lake: Lake) -> dict[date, list[str]]:
    """Per day, what each table of gold says."""
    daily = [rows(lake, layout).group_by("event_date").agg(pl.col("revenue").sum()) for layout in DAILY]
    sums = [dict(table.iter_rows()) for table in daily]
    return {day: [str(table.get(day)) for table in sums] for day in sorted(set[date]().union(*sums))}


def findings(lake: Lake) -> dict[str, str]:
    return {finding["finding"]: finding["detail"] for finding in audit(lake).findings}


ALL_OF_IT = {FIRST: ["7.62"] * 3, SECOND: ["5.00"] * 3}


@pytest.mark.parametrize(("owner", "step"), [(silver, "rebuild_purchases"), (month_loader, "rebuild_gold")])
def test_the_next_run_finishes_a_month_that_was_cut_short(
    lake: Lake, stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    crash_before(monkeypatch, owner, step, lambda: load(lake, folder))
    before, told = revenue(lake), findings(lake)
    is_due = has_leftovers(lake, stream, 1)

    run(lake, stream)

    assert before == {FIRST: ["2.62"] * 3}
    assert is_due
    assert told["gold"].endswith("of 2019-10-02: revenue missing, silver has 5.00")
    assert told["unfinished"].startswith("rebuilt in silver and not yet in gold: 2019-10-01, 2019-10-02; the next run")
    assert revenue(lake) == ALL_OF_IT
    assert findings(lake).keys() == {"archive"}
    untold_days(lake, stream.clock().date()).told()  # as a run in Dagster does
    assert not has_leftovers(lake, stream, 1)


def test_a_month_that_was_finished_so_has_its_ledger_completed_by_its_load(
    lake: Lake, stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_before(monkeypatch, month_loader, "rebuild_gold", lambda: load(lake, folder))
    run(lake, stream)

    load(lake, folder)

    assert revenue(lake) == ALL_OF_IT
    assert findings(lake) == {}


@pytest.mark.parametrize("step", ["rebuild_purchases", "rebuild_gold"])
def test_a_run_that_is_cut_short_while_it_finishes_leaves_the_rest_to_the_next(
    lake: Lake, stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    crash_before(monkeypatch, month_loader, "rebuild_gold", lambda: load(lake, folder))
    crash_before(monkeypatch, finishing_days, step, lambda: run(lake, stream))
    left = unfinished_days(lake)

    run(lake, stream)

    assert left == [FIRST, SECOND]
    assert revenue(lake) == ALL_OF_IT


@pytest.mark.parametrize("step", ["rebuild_purchases", "rebuild_gold"])
def test_what_a_stream_commits_meanwhile_is_in_gold_once(
    lake: Lake,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    crash_before(monkeypatch, month_loader, "rebuild_gold", lambda: load(lake, folder))
    mock_kafka.publish(topic, [event(price=1, user_id=7)])
    once_before(monkeypatch, finishing_days, step, lambda: run(lake, stream))

    run(lake, stream)

    assert revenue(lake) == {**ALL_OF_IT, FIRST: ["8.62"] * 3}
    assert findings(lake).keys() == {"archive"}


def test_a_whole_load_leaves_no_mark(lake: Lake, stream: Stream, folder: Path) -> None:
    load(lake, folder)

    assert unfinished_days(lake) == []
    assert findings(lake) == {}


Backfill = Callable[..., bool]


@pytest.fixture
def backfill(lake: Lake, stream: Stream) -> Backfill:
    """Materialize tables of the first day as the UI does."""

    def backfill(*layouts: object) -> bool:
        keys = [key_of(layout) for layout in layouts]  # type: ignore[arg-type]
        with dg.DagsterInstance.ephemeral() as instance:
            arguments = {"partition_key": FIRST.isoformat(), "asset_selection": keys, "raise_on_error": False}
            return execute(lake, stream, instance, **arguments).success

    return backfill


@pytest.fixture
def bronze_has_more(lake: Lake, stream: Stream) -> None:
    """Bronze holds a second purchase that silver does not: by a new rule, a rebuild accepts it."""
    known = rows(lake, BRONZE_EVENTS)
    dearer = pl.lit(event(price=10, user_id=8), pl.Binary)
    lake.table(BRONZE_EVENTS).append(known.with_columns(pl.col("offset") + 1, value=dearer), {})


@pytest.mark.usefixtures("bronze_has_more")
@pytest.mark.parametrize("layout", [PRODUCT_SALES, CUSTOMER_DAYS], ids=["first", "last"])
def test_the_next_run_finishes_a_backfill_of_days_that_was_cut_short(
    lake: Lake, stream: Stream, backfill: Backfill, monkeypatch: pytest.MonkeyPatch, layout: object
) -> None:
    real = rebuild_gold

    def killed(lake: Lake, layouts: list[object], *more: object) -> None:
        if layouts == [layout]:
            raise CrashError
        real(lake, layouts, *more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stream_assets, "rebuild_gold", killed)
        assert not backfill(SILVER_EVENTS, SILVER_PURCHASES, *DAILY)
    before = revenue(lake)[FIRST]

    run(lake, stream)

    assert before[-1] == "2.62"
    assert revenue(lake) == {FIRST: ["12.62"] * 3}
    assert unfinished_days(lake) == []


@pytest.mark.usefixtures("bronze_has_more")
def test_a_backfill_of_all_layers_leaves_nothing_to_finish(lake: Lake, backfill: Backfill) -> None:
    assert backfill(SILVER_EVENTS, SILVER_PURCHASES, *DAILY)

    assert revenue(lake) == {FIRST: ["12.62"] * 3}
    assert unfinished_days(lake) == []


@pytest.mark.usefixtures("bronze_has_more")
def test_a_backfill_of_silver_alone_is_followed_by_gold_in_the_next_run(
    lake: Lake, stream: Stream, backfill: Backfill
) -> None:
    assert backfill(SILVER_EVENTS)
    left = unfinished_days(lake)

    run(lake, stream)

    assert left == [FIRST]
    assert revenue(lake) == {FIRST: ["12.62"] * 3}


def test_a_kill_between_silver_and_its_purchases_leaves_a_mark(
    lake: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_before(monkeypatch, silver, "rebuild_purchases", lambda: rebuild_silver(lake, [FIRST]))

    assert unfinished_days(lake) == [FIRST]


def test_a_day_that_another_rebuilds_meanwhile_keeps_its_mark(lake: Lake, stream: Stream, folder: Path) -> None:
    load(lake, folder)
    with finishing(lake, [FIRST, SECOND], rebuilds=1):
        rebuild_silver(lake, [FIRST, SECOND])
        rebuild_silver(lake, [SECOND])

    assert unfinished_days(lake) == [SECOND]


def test_a_rebuild_under_way_is_left_to_whoever_does_it(lake: Lake, stream: Stream) -> None:
    with finishing(lake, [FIRST], rebuilds=1):
        rebuild_silver(lake, [FIRST])
        assert (unfinished_days(lake), abandoned_days(lake)) == ([FIRST], [])
        rebuild_purchases(lake, [FIRST])
