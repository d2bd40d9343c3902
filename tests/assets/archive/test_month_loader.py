import gzip
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.archive import month_loader
from assets.archive.month_files import ArchiveFileError, find_month
from assets.archive.month_loader import load_month
from assets.events.csv_header import BrokenFileError
from assets.gold.gold import rebuild_gold
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import (
    ARCHIVE,
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    DAILY,
    PRODUCT_SALES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from resources.lake import Lake
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.assets.archive.month_lines import HEADER, NOVEMBER, NOW, OCTOBER, PURCHASE, load, put
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

SAME_FROM_KAFKA = event(user_session="26dd6e6e")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def refused(lake: Lake) -> list[tuple[int, str, str]]:
    return sorted(rows(lake, SILVER_QUARANTINE).select("offset", "reason", "detail").iter_rows())


def test_a_month_reaches_every_layer(lake: Lake, folder: Path) -> None:
    put(folder, [PURCHASE, PURCHASE, PURCHASE.replace("2.62", "-1.00"), PURCHASE.replace("purchase", "view")])

    done = load(lake, folder)

    assert done.counts == {"lines": 4, "accepted": 3, "quarantined": 0, "duplicates": 1}
    assert done.days == [OCTOBER]
    sold = rows(lake, PRODUCT_SALES).select("product_id", "units", "revenue", "refunds").rows()
    assert [tuple(map(str, row)) for row in sold] == [("5773203", "1", "1.62", "1.00")]
    kept = rows(lake, BRONZE_EVENTS).select("source", "partition", "offset", "key", "value", "batch").rows()
    assert kept[0] == (ARCHIVE, 201910, 2, HEADER.encode(), PURCHASE.encode(), 0)
    assert audit(lake).findings == []


def test_bad_lines_are_kept_byte_for_byte_with_file_and_line(lake: Lake, folder: Path) -> None:
    bad: list[str | bytes] = [
        "2019-10-01 00:00:00 UTC,purchase,1,2,,,3.00,4",
        f"{PURCHASE},more",
        PURCHASE.replace("2.62", "2.625"),
        PURCHASE.replace("5773203", "x1"),
        PURCHASE.replace("2019-10-01", "2018-10-01"),
        PURCHASE.replace("2019-10-01", "2029-10-01"),
        PURCHASE.replace("runail", 'ru"nail').replace("26dd", '"26dd'),
        PURCHASE.encode().replace(b"runail", b"\xff"),
        "",
        "what?",
    ]
    put(folder, [PURCHASE, *bad])

    done = load(lake, folder)

    assert done.counts == {"lines": 10, "accepted": 1, "quarantined": 9, "duplicates": 0}
    assert [(line, reason) for line, reason, _ in refused(lake)] == [
        (3, "bad_line"),
        (4, "bad_line"),
        (5, "price_too_precise"),
        (6, "bad_integer"),
        (7, "event_time_out_of_range"),
        (8, "event_time_out_of_range"),
        (9, "bad_line"),
        (10, "invalid_utf8"),
        (12, "bad_line"),
    ]
    assert refused(lake)[3][2] == '2019-Oct, line 6: product_id: "x1"'
    held = rows(lake, SILVER_QUARANTINE).sort("offset")["value"].to_list()
    assert held == [line if isinstance(line, bytes) else line.encode() for line in bad if line]
    assert set(rows(lake, SILVER_QUARANTINE)["arrival_date"]) == {OCTOBER}
    assert audit(lake).findings == []


def test_quotes_escapes_and_other_spellings_mean_what_they_say(lake: Lake, folder: Path) -> None:
    put(
        folder,
        [
            PURCHASE.replace("runail", '"ru,""nail"""'),
            PURCHASE.replace("runail", "back\\slash\ttab"),
            PURCHASE.replace("2019-10-01 00:00:00 UTC", "2019-10-01T23:30:00-02:00"),
            PURCHASE.replace("runail", "last") + "\r",
        ],
    )

    load(lake, folder)

    brands = rows(lake, SILVER_EVENTS).sort("offset").select("brand", "event_date", "user_session").rows()
    assert brands == [
        ('ru,"nail"', OCTOBER, "26dd6e6e"),
        ("back\\slash\ttab", OCTOBER, "26dd6e6e"),
        ("runail", date(2019, 10, 2), "26dd6e6e"),
        ("last", OCTOBER, "26dd6e6e"),
    ]
    assert audit(lake).findings == []


def test_columns_may_stand_in_another_order_and_be_more(lake: Lake, folder: Path) -> None:
    put(
        folder,
        ["7,view,2.50,x,2019-10-03 10:00:00 UTC,9"],
        header="user_id,event_type,price,note,event_time,product_id",
    )

    assert load(lake, folder).counts["accepted"] == 1

    (row,) = rows(lake, SILVER_EVENTS).select("event_date", "user_id", "product_id", "event_type").rows()
    assert row == (date(2019, 10, 3), 7, 9, "view")


def test_loading_a_month_again_changes_nothing(lake: Lake, folder: Path) -> None:
    put(folder, [PURCHASE, PURCHASE.replace("2.62", "x")])
    load(lake, folder)
    before = {layout.name: rows(lake, layout) for layout in (BRONZE_EVENTS, SILVER_EVENTS, SILVER_QUARANTINE, *DAILY)}

    again = load_month(lake, find_month(folder, OCTOBER), NOW.replace(year=2027), 45)

    assert not again.is_new
    for layout in (BRONZE_EVENTS, SILVER_EVENTS, SILVER_QUARANTINE, *DAILY):
        assert_frame_equal(rows(lake, layout), before[layout.name])


def test_the_lines_of_a_month_are_not_read_back_from_bronze(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This saves time; the other tests check the result."""
    monkeypatch.setattr(month_loader, "rebuild_silver", None)
    for price in ("2.62", "5.00"):
        put(
            folder, [PURCHASE.replace("2.62", price), PURCHASE.replace("2.62", "x"), PURCHASE.replace("10-01", "10-07")]
        )

        assert load(lake, folder).counts == {"lines": 3, "accepted": 2, "quarantined": 1, "duplicates": 0}

    assert str(rows(lake, PRODUCT_SALES)["revenue"].sum()) == "7.62"


def test_a_corrected_file_replaces_exactly_its_month(lake: Lake, folder: Path) -> None:
    put(folder, [PURCHASE, PURCHASE.replace("2019-10-01", "2019-10-09"), PURCHASE.replace("2.62", "x")])
    put(folder, [PURCHASE.replace("2019-10", "2019-11"), PURCHASE.replace("2.62", "7.00")], "2019-Nov.csv")
    load(lake, folder)
    load(lake, folder, NOVEMBER)
    put(folder, [PURCHASE.replace("2.62", "5.00"), PURCHASE.replace("2019-10-01", "2019-10-04")])

    done = load(lake, folder)

    assert (done.is_new, done.counts["accepted"]) == (True, 2)
    kept = rows(lake, SILVER_EVENTS).sort("event_time", "partition").select("event_date", "partition", "price").rows()
    assert [(str(day), month, str(price)) for day, month, price in kept] == [
        ("2019-10-01", 201910, "5.00"),
        ("2019-10-01", 201911, "7.00"),
        ("2019-10-04", 201910, "2.62"),
        ("2019-11-01", 201911, "2.62"),
    ]
    assert refused(lake) == []
    assert str(rows(lake, PRODUCT_SALES)["revenue"].sum()) == "17.24"
    assert rows(lake, BRONZE_ARCHIVE_MONTHS).height == 2
    assert audit(lake).findings == []


def test_a_month_without_lines_can_be_corrected_by_one_that_keeps_none(lake: Lake, tmp_path: Path) -> None:
    """Its only user was forgotten."""
    put(tmp_path, [], header=HEADER)
    load(lake, tmp_path)
    forget(lake, 463240011, NOW, 45)
    put(tmp_path, [PURCHASE], header=HEADER)
    kept_none = load(lake, tmp_path)
    put(tmp_path, [PURCHASE.replace("463240011", "7")], header=HEADER)

    assert (kept_none.counts["lines"], kept_none.days) == (0, [])
    assert load(lake, tmp_path).counts["accepted"] == 1


@pytest.mark.parametrize("archive_first", [True, False])
def test_an_event_that_came_both_ways_counts_once_in_either_order(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, folder: Path, archive_first: bool
) -> None:
    put(folder, [PURCHASE])

    def from_kafka() -> None:
        mock_kafka.publish(topic, [SAME_FROM_KAFKA, event(user_id=2)])
        run(lake, stream)

    steps = [lambda: load(lake, folder), from_kafka]
    for step in steps if archive_first else reversed(steps):
        step()

    assert sorted(rows(lake, SILVER_EVENTS)["source"]) == [ARCHIVE, topic]
    assert str(rows(lake, PRODUCT_SALES)["revenue"].sum()) == "5.24"
    held = {layout.name: rows(lake, layout) for layout in (SILVER_EVENTS, *DAILY)}
    rebuild_silver(lake, [OCTOBER])
    rebuild_gold(lake, DAILY, [OCTOBER], 45)
    for layout in (SILVER_EVENTS, *DAILY):
        assert_frame_equal(rows(lake, layout), held[layout.name])
    assert audit(lake).findings == []


def test_an_event_that_the_archive_contradicts_is_not_lost(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, folder: Path
) -> None:
    mock_kafka.publish(topic, [event(event_id="a", price=9)])
    run(lake, stream)
    put(folder, [f"{PURCHASE},a"], header=f"{HEADER},event_id")

    load(lake, folder)

    assert rows(lake, SILVER_EVENTS)["source"].to_list() == [ARCHIVE]
    assert rows(lake, SILVER_QUARANTINE).select("source", "reason").rows() == [(topic, "conflicting_duplicate")]


@pytest.mark.parametrize("step", ["put_in_silver", "rebuild_gold", "_counts", "_enter"])
def test_a_load_that_was_cut_short_is_made_whole_by_the_next(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(folder, [PURCHASE, PURCHASE.replace("2.62", "x"), PURCHASE.replace("2019-10-01", "2019-10-02")])
    load(lake, folder)
    put(folder, [PURCHASE.replace("2.62", "5.00"), PURCHASE.replace("2.62", "y")])
    crash_before(monkeypatch, month_loader, step, lambda: load(lake, folder))

    done = load(lake, folder)

    assert done.counts == {"lines": 2, "accepted": 1, "quarantined": 1, "duplicates": 0}
    assert str(rows(lake, PRODUCT_SALES)["revenue"].sum()) == "5.00"
    assert [detail for _, _, detail in refused(lake)] == ['2019-Oct, line 3: price: "y"']
    assert audit(lake).findings == []


def test_the_audit_sees_a_month_that_was_cut_short(lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, [PURCHASE])
    crash_before(monkeypatch, month_loader, "put_in_silver", lambda: load(lake, folder))

    (finding,) = audit(lake).findings

    assert finding["finding"] == "archive"
    assert finding["detail"].startswith("2019-Oct.csv: the ledger has 0 lines = 0 accepted")
    assert finding["detail"].endswith("complete it: salesinsights backfill --from 2019-10")


def test_the_audit_sees_a_row_of_the_archive_that_is_gone(lake: Lake, folder: Path) -> None:
    put(folder, [PURCHASE, PURCHASE.replace("2019-10-01", "2019-10-02")])
    load(lake, folder)
    silver = lake.table(SILVER_EVENTS)
    silver.replace(rows(lake, SILVER_EVENTS).head(1), None, {})

    assert {finding["finding"] for finding in audit(lake).findings} == {"silver", "purchases", "gold"}


def test_gzip_and_parquet_give_what_csv_gives(tmp_path: Path) -> None:
    lines = [PURCHASE, PURCHASE.replace("2.62", "0.10").replace("runail", ""), PURCHASE.replace("463240011", "7")]
    loaded = []
    for suffix in ("csv", "csv.gz", "parquet"):
        folder, lake = tmp_path / suffix, Lake(str(tmp_path / f"lake-{suffix}"))
        folder.mkdir()
        path = put(folder, lines)
        if suffix == "csv.gz":
            (folder / "2019-Oct.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        if suffix == "parquet":
            typed = pl.read_csv(path, try_parse_dates=False).with_columns(
                pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S UTC", time_zone="UTC")
            )
            typed.write_parquet(folder / "2019-Oct.parquet")
        if suffix != "csv":
            path.unlink()
        load(lake, folder)
        loaded.append(rows(lake, SILVER_EVENTS))

    assert loaded[0].height == 3
    assert_frame_equal(loaded[1], loaded[0])
    assert_frame_equal(loaded[2].drop("user_session"), loaded[0].drop("user_session"))


def test_a_generated_month_sums_like_duckdb_over_its_file(lake: Lake, folder: Path) -> None:
    write_month(Shop(seed=4), 2019, 10, 30_000, folder)
    sql = f"""
        SELECT event_time::DATE AS day, count(*) AS rows, sum(price) FILTER (event_type = 'purchase') AS revenue
        FROM (SELECT DISTINCT * FROM read_csv('{folder}/2019-Oct.csv', types = {{'price': 'DECIMAL(12,2)'}}))
        GROUP BY ALL ORDER BY day
    """
    expected = [(str(day), count, str(revenue)) for day, count, revenue in duckdb.connect().execute(sql).fetchall()]

    done = load(lake, folder)

    silver = rows(lake, SILVER_EVENTS).group_by("event_date").len().sort("event_date")
    revenue = dict(rows(lake, PRODUCT_SALES).group_by("event_date").agg(pl.col("revenue").sum()).iter_rows())
    assert [(str(day), count, str(revenue.get(day))) for day, count in silver.iter_rows()] == expected
    assert done.counts["lines"] == 30_000
    assert len(done.days) == 31
    assert audit(lake).findings == []


def test_a_month_without_a_file_or_with_two_names_the_remedy(folder: Path) -> None:
    with pytest.raises(ArchiveFileError, match=r"no file for 2019-10: put 2019-Oct.csv there"):
        find_month(folder, OCTOBER)
    put(folder, [])
    (folder / "2019-Oct.parquet").touch()
    with pytest.raises(ArchiveFileError, match=r"2019-Oct.csv and 2019-Oct.parquet: keep the one"):
        find_month(folder, OCTOBER)


def test_a_file_that_is_not_of_events_is_refused_whole(lake: Lake, folder: Path) -> None:
    put(folder, ["1,2"], header="a,b")
    with pytest.raises(BrokenFileError, match="the header lacks event_time"):
        load(lake, folder)
    (folder / "2019-Oct.csv").rename(folder / "2019-Oct.csv.gz")
    with pytest.raises(ArchiveFileError, match="can't be read"):
        load(lake, folder)
    assert lake.table(BRONZE_EVENTS).version == 0


def test_a_header_that_is_no_text_is_refused_before_anything_is_written(lake: Lake, tmp_path: Path) -> None:
    content = HEADER.encode() + ",größe\n".encode("latin-1") + PURCHASE.encode() + b",1\n"
    (tmp_path / "2019-Oct.csv").write_bytes(content)

    with pytest.raises(BrokenFileError, match=r"2019-Oct\.csv, line 1: the header is not UTF-8"):
        load(lake, tmp_path)

    assert rows(lake, BRONZE_EVENTS).is_empty()


def test_a_parquet_column_may_have_a_comma_in_its_name(lake: Lake, tmp_path: Path) -> None:
    fields = dict(zip(HEADER.split(","), PURCHASE.split(","), strict=True))
    pl.DataFrame([{**fields, "size, in ml": "5"}]).write_parquet(tmp_path / "2019-Oct.parquet")

    assert load(lake, tmp_path).counts["accepted"] == 1


def test_a_damaged_file_is_named_with_the_remedy(lake: Lake, folder: Path) -> None:
    good = gzip.compress("\n".join([HEADER, *[PURCHASE] * 5_000]).encode())
    (folder / "2019-Oct.csv.gz").write_bytes(good[:60] + b"\xff" * 30 + good[90:])

    with pytest.raises(ArchiveFileError, match=r"2019-Oct\.csv\.gz can't be read: .*Copy it again"):
        load(lake, folder)
    assert lake.table(BRONZE_EVENTS).rows == 0


def test_a_file_with_other_line_ends_is_named_with_the_remedy(lake: Lake, folder: Path) -> None:
    (folder / "2019-Oct.csv").write_bytes(f"{HEADER}\r{PURCHASE}\r".encode())

    with pytest.raises(BrokenFileError, match=r"2019-Oct\.csv, line 1: .*line feeds as line ends"):
        load(lake, folder)
