from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.table import TableAlterer
from polars.testing import assert_frame_equal

from resources import arrow_parts
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, FencedOffError, LakeError, again_on_conflict
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from tests.faults.interleaving import once_before
from tests.lakes import a_night_passes
from tests.resources.lake_rows import FIRST, LAYOUT, SECOND, things


def held(lake: Lake) -> pl.DataFrame:
    return lake.table(LAYOUT).read().sort("event_date", "number")


def test_rows_and_progress_are_one_commit(lake: Lake) -> None:
    lake.table(LAYOUT).append(things(1, 2), {"batch": 7})

    assert_frame_equal(held(lake), things(1, 2))
    assert lake.table(LAYOUT).progress("batch") == 7
    assert lake.table(LAYOUT).progress("other") is None


def test_a_stale_handle_commits_nothing(lake: Lake) -> None:
    winner, loser = lake.table(LAYOUT), lake.table(LAYOUT)
    winner.append(things(1), {"batch": 1})

    with pytest.raises(ConcurrentCommitError):
        loser.append(things(2), {"batch": 1})

    assert_frame_equal(held(lake), things(1))


def test_an_empty_append_moves_the_progress(lake: Lake) -> None:
    lake.table(LAYOUT).append(things(), {"batch": 1})

    assert lake.table(LAYOUT).progress("batch") == 1
    assert held(lake).is_empty()


def test_a_handle_knows_its_own_progress_and_what_it_passed_on_its_way(lake: Lake) -> None:
    ours, theirs = lake.table(LAYOUT), lake.table(LAYOUT)
    assert (ours.progress("batch"), ours.progress("other")) == (None, None)

    ours.append(things(1), {"batch": 1})
    assert (ours.progress("batch"), ours.progress("other")) == (1, None)

    theirs = lake.table(LAYOUT)
    theirs.append(things(2), {"other": 5})
    assert ours.progress("other") is None, "a handle stays at its version"
    ours.append(things(3), {"batch": 2})

    assert (ours.progress("batch"), ours.progress("other")) == (2, 5)
    fresh = lake.table(LAYOUT)
    assert (fresh.progress("batch"), fresh.progress("other")) == (2, 5)


def test_a_refused_commit_leaves_the_progress_known(lake: Lake) -> None:
    winner, loser = lake.table(LAYOUT), lake.table(LAYOUT)
    assert loser.progress("batch") is None
    winner.append(things(1), {"batch": 1})

    with pytest.raises(ConcurrentCommitError):
        loser.append(things(2), {"batch": 1})

    assert loser.progress("batch") is None


@pytest.mark.parametrize(
    "use", [lambda table: table.progress("batch"), lambda table: table.append(things(9), {"batch": 9})]
)
def test_a_handle_whose_log_is_gone_has_to_be_loaded_again(lake: Lake, use: Callable[[LakeTable], object]) -> None:
    for number in range(8):
        lake.table(LAYOUT).append(things(number), {"batch": number})
    a_night_passes(lake)
    held = lake.table(LAYOUT)
    lake.table(LAYOUT).append(things(8), {"other": 1})
    assert held.progress("other") is None, "a commit deletes nothing"
    lake.table(LAYOUT).checkpoint()

    with pytest.raises(FencedOffError, match="log entries that are no longer kept"):
        use(held)

    use(lake.table(LAYOUT))


def test_a_commit_looks_for_no_old_entries_and_whoever_shortens_the_log_drops_them(lake: Lake) -> None:
    for number in range(8):
        lake.table(LAYOUT).append(things(number), {"batch": number})
    a_night_passes(lake)
    log = lake.table(LAYOUT).folder / "_delta_log"
    for number in range(8, 12):
        lake.table(LAYOUT).append(things(number), {"batch": number})
    assert len(list(log.glob("*.json"))) == 13

    lake.table(LAYOUT).shorten_log()

    assert len(list(log.glob("*.json"))) < 6
    assert (lake.table(LAYOUT).progress("batch"), lake.table(LAYOUT).rows) == (11, 12)


def test_upkeep_of_a_quiet_table_may_take_away_what_a_handle_stands_on(lake: Lake) -> None:
    lake.table(LAYOUT).checkpoint()
    lake.table(LAYOUT).annotate({"salesinsights.note": "1"})
    a_night_passes(lake)
    held = lake.table(LAYOUT)
    lake.table(LAYOUT).checkpoint()

    with pytest.raises(FencedOffError, match="log entries that are no longer kept"):
        held.progress("batch")

    assert lake.table(LAYOUT).progress("batch") is None


def test_a_replacement_touches_only_its_days(lake: Lake) -> None:
    lake.table(LAYOUT).append(pl.concat([things(1, 2), things(3, day=SECOND)]), {})

    lake.table(LAYOUT).replace(things(9), LAYOUT.on_days([FIRST]), {})

    assert_frame_equal(held(lake), pl.concat([things(9), things(3, day=SECOND)]))


def test_progress_and_rows_survive_checkpoints_and_compaction(lake: Lake) -> None:
    for number in range(45):
        lake.table(LAYOUT).append(things(number), {"batch": number, "first": 1} if number == 0 else {"batch": number})

    saved = lake.table(LAYOUT).compact([FIRST])

    log = Path(lake.uri(LAYOUT)) / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    assert saved == 44
    assert (lake.table(LAYOUT).progress("batch"), lake.table(LAYOUT).progress("first")) == (44, 1)
    assert_frame_equal(held(lake), things(*range(45)))


def test_a_stream_of_rows_is_what_a_read_gives(lake: Lake) -> None:
    for start in range(0, 50, 10):
        lake.table(LAYOUT).append(pl.concat([things(*range(start, start + 10)), things(start, day=SECOND)]), {})

    where = LAYOUT.on_days([FIRST])
    frames = list(lake.table(LAYOUT).stream(where, 15, ["number"]))

    assert len(frames) > 1
    assert_frame_equal(pl.concat(frames).sort("number"), lake.table(LAYOUT).read(where, ["number"]).sort("number"))
    assert list(lake.table(LAYOUT).stream("number > 99", 15)) == []


def test_a_stream_of_large_rows_is_cut_by_their_bytes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.table(LAYOUT).append(things(1, 2, 3, 4, 5), {})
    lake.table(LAYOUT).append(things(6), {})
    monkeypatch.setattr(arrow_parts, "PART_BYTES", 1)

    frames = list(lake.table(LAYOUT).stream(None, 1_000, ["number"]))

    assert sorted(frame["number"].to_list() for frame in frames) == [[1], [2], [3], [4], [5], [6]]


def test_frames_of_many_days_are_written_under_each_rows_day(lake: Lake) -> None:
    rows = pl.concat([things(number, day=(FIRST, SECOND)[number % 2]) for number in range(300)])

    lake.table(LAYOUT).append(iter([rows.head(7), rows.slice(7)]), {})

    assert_frame_equal(held(lake), rows.sort("event_date", "number"))


def test_reading_takes_a_predicate_and_columns(lake: Lake) -> None:
    lake.table(LAYOUT).append(pl.concat([things(1, 2), things(3, day=SECOND)]), {})

    found = lake.table(LAYOUT).read(f"number > 1 AND {LAYOUT.on_days([FIRST])}", ["number"])

    assert_frame_equal(found, pl.DataFrame({"number": [2]}))


@pytest.mark.parametrize("content", [None, b"", b"PAR1 half of a file"])
def test_a_data_file_that_can_not_be_read_is_named_with_the_remedy(lake: Lake, content: bytes | None) -> None:
    """Each library would raise an error of its own here, and some of them one that has no name."""
    table = lake.table(LAYOUT)
    table.append(things(1), {})
    (file,) = map(Path, table.file_uris())
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    for read in (table.read, lambda: list(table.stream(None, 10))):
        with pytest.raises(LakeError, match=rf"{LAYOUT.name} can't be read: .*salesinsights repair"):
            read()


def test_a_conflict_is_tried_again_and_then_raised() -> None:
    tries = []

    def work() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConcurrentCommitError("busy")
        return len(tries)

    assert again_on_conflict(work) == 3
    tries.clear()
    with pytest.raises(ConcurrentCommitError):
        again_on_conflict(work, attempts=2)


def test_a_lake_that_is_a_file_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")

    with pytest.raises(LakeError, match="SALESINSIGHTS_LAKE"):
        Lake(str(tmp_path / "lake")).table(LAYOUT)


def with_columns(**columns: pl.DataType) -> TableLayout:
    return replace(LAYOUT, schema=pl.Schema({**LAYOUT.schema, **columns}))


def test_a_new_column_is_null_in_the_rows_of_before(lake: Lake) -> None:
    lake.table(LAYOUT).append(things(1), {})
    newer, wider = Lake(lake.root), with_columns(note=pl.String())

    table = newer.table(wider)
    table.append(things(2).with_columns(note=pl.lit("new")), {})

    assert sorted(table.read(columns=["number", "note"]).rows()) == [(1, None), (2, "new")]
    assert newer.table(wider).version == Lake(lake.root).table(wider).version


def test_two_processes_of_a_new_release_may_look_first(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.table(LAYOUT).append(things(1), {})
    wider = replace(with_columns(note=pl.String()), properties={"delta.appendOnly": "false"})
    once_before(monkeypatch, TableAlterer, "add_columns", lambda: Lake(lake.root).table(wider))

    assert Lake(lake.root).table(wider).read(columns=["number", "note"]).rows() == [(1, None)]


def test_a_column_that_is_added_later_is_dated(lake: Lake) -> None:
    lake.table(LAYOUT).append(things(1), {})
    assert lake.table(LAYOUT).added_columns == {}
    moment = datetime(2026, 11, 27, 12, 30, 0, 5, UTC)

    newer, wider = Lake(lake.root, now=lambda: moment), with_columns(note=pl.String())
    newer.table(wider).replace(things(2).with_columns(note=pl.lit("new")), None, {})
    newer.table(wider).purge()

    assert Lake(lake.root).table(wider).added_columns == {"note": moment}


def test_a_changed_property_reaches_a_table_that_is_there(lake: Lake) -> None:
    lake.table(LAYOUT).append(things(1), {})
    longer = replace(LAYOUT, properties={"delta.deletedFileRetentionDuration": "interval 9 days"})

    version = Lake(lake.root).table(longer).version

    kept = DeltaTable(lake.uri(LAYOUT)).metadata().configuration
    assert kept["delta.deletedFileRetentionDuration"] == "interval 9 days"
    assert Lake(lake.root).table(longer).version == version
    assert_frame_equal(held(lake), things(1))


def test_a_table_that_holds_something_else_is_refused_and_left_alone(lake: Lake) -> None:
    version = lake.table(with_columns(note=pl.String())).version

    with pytest.raises(LakeError, match="has a column note that this release does not know"):
        Lake(lake.root).table(LAYOUT)
    with pytest.raises(LakeError, match="a column can't change its type"):
        Lake(lake.root).table(with_columns(note=pl.Int64(), more=pl.String()))

    assert Lake(lake.root).table(with_columns(note=pl.String())).version == version


@pytest.mark.parametrize("writing", ["append", "replace", "compact"])
def test_columns_that_hardly_repeat_have_no_dictionary(lake: Lake, writing: str) -> None:
    layout = replace(LAYOUT, schema=pl.Schema({"other": pl.Int64(), **LAYOUT.schema}), high_cardinality=("number",))
    rows = things(*range(500)).with_columns(other=pl.lit(1))
    table = lake.table(layout)
    if writing == "replace":
        table.replace(rows, None, {})
    for _ in range(2 if writing == "compact" else 1 if writing == "append" else 0):
        table.append(rows, {})
    if writing == "compact":
        assert table.compact([FIRST]) == 1

    files = str([f"{lake.uri(layout)}/{path}" for path in table.files()["path"]])
    told = duckdb.connect().execute(f"SELECT path_in_schema, encodings FROM parquet_metadata({files})").fetchall()
    assert {column: "DICTIONARY" in encodings for column, encodings in told} == {"number": False, "other": True}


def test_a_day_that_grows_at_its_end_has_only_its_last_files_written_again(lake: Lake) -> None:
    """Each replacement reaches back into the rows of the one before, as a batch does into its first window."""
    schema = pl.Schema({"window": pl.Int64(), "text": pl.String(), "day": pl.Date()})
    table = lake.table(TableLayout("gold/grown", schema, ("day",), high_cardinality=("text",), file_bytes=100_000))
    chance, kept, sizes = Random(1), list[int](), list[int]()
    for step in range(1, 41):
        before = set(table.file_uris())
        text = [chance.randbytes(20).hex() for _ in range(600)]
        rows = pl.DataFrame({"window": [step - 1, step] * 300, "text": text, "day": [date(2026, 11, 25)] * 600}, schema)
        table.replace(rows, f"day = DATE '2026-11-25' AND window >= {step - 1}", {})
        kept.append(len(before & set(table.file_uris())))
        sizes += table.files().select(pl.col("size_bytes").max()).to_series().to_list()

    assert table.read(columns=["window"]).height == 41 * 300
    assert kept[-1] >= 3
    assert max(sizes) < 250_000
