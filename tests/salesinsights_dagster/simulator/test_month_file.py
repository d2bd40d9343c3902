import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.events.contract import EVENT
from salesinsights_dagster.simulator.month_file import TIME_FORMAT, write_month
from salesinsights_dagster.simulator.shop import Shop


@pytest.fixture
def file(tmp_path):
    return write_month(Shop(1), 2019, 11, 20_000, tmp_path / "archive")


def test_a_month_file_reads_back_to_the_months_events(file):
    text = pl.read_csv(file, schema_overrides={**EVENT, "event_time": pl.String})
    events = text.with_columns(pl.col("event_time").str.to_datetime(TIME_FORMAT, time_unit="us", time_zone="UTC"))
    assert_frame_equal(events, pl.concat(Shop(1).month(2019, 11, 20_000)))


def test_a_month_file_has_the_name_and_the_header_of_the_data_set(file):
    assert file.name == "2019-Nov.csv"
    header, first = file.read_text().splitlines()[:2]
    assert header == "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    assert first[:11] == "2019-11-01 "
    assert first[19:24] == " UTC,"


def test_writing_again_gives_the_same_bytes(file, tmp_path):
    again = write_month(Shop(1), 2019, 11, 20_000, tmp_path / "again")
    assert again.read_bytes() == file.read_bytes()


def test_progress_counts_up_to_the_last_row(tmp_path):
    told: list[int] = []
    write_month(Shop(1), 2019, 11, 5_000, tmp_path, told.append)
    assert told == sorted(told)
    assert told[-1] == 5_000


def test_a_month_that_fails_leaves_the_old_file_and_no_other(file):
    before = file.read_bytes()

    def full_disk(rows: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_month(Shop(2), 2019, 11, 5_000, file.parent, full_disk)
    assert list(file.parent.iterdir()) == [file]
    assert file.read_bytes() == before
