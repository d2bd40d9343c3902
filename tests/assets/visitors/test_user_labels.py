"""Labels: what users did after a day, and nothing else; and the join with a list of users and moments."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from assets.tables import SESSIONS, USER_DAYS
from assets.visitors.moments import MOMENTS, MomentsError, features_at, labels_at, read_moments
from assets.visitors.user_features import features
from assets.visitors.user_labels import LabelDaysError, labels, labels_after
from resources.described_parquet import COLUMNS
from resources.lake import Lake
from salesinsights_dagster.cli import main
from salesinsights_dagster.settings import load_settings
from tests.assets.visitors.user_days import days, sessions

AS_OF, NEXT = date(2019, 12, 10), date(2019, 12, 11)
NOW = datetime(2019, 12, 21, 12, tzinfo=UTC)
LIVED = days(
    (1, date(2019, 12, 1), "vp"),
    (1, date(2019, 12, 11), "pp"),
    (1, date(2019, 12, 17), "p"),
    (1, date(2019, 12, 18), "p"),
    (2, date(2019, 12, 9), "p"),
    (2, date(2019, 12, 12), "v"),
    (3, date(2019, 12, 10), "v"),
    (3, date(2019, 12, 20), "p"),
    (4, date(2019, 12, 11), "p"),
)
BEGUN = sessions((1, date(2019, 12, 1)), (1, AS_OF), (1, NEXT), (2, date(2019, 12, 9)))


def told(frame: pl.DataFrame) -> dict[int, tuple[object, ...]]:
    columns = ("bought", "purchases", "revenue", "churned")
    return {row[0]: row[1:] for row in frame.select("user_id", *columns).rows()}


def test_labels_are_of_the_days_after_and_of_those_who_were_seen_before() -> None:
    found = labels(LIVED, AS_OF, NEXT, 7)

    assert told(found) == {
        1: (True, 3, Decimal("7.50"), False),
        2: (False, 0, Decimal("0.00"), True),
        3: (False, 0, Decimal("0.00"), None),
    }
    assert found.select("as_of", "first_label_day", "last_label_day").unique().rows() == [
        (AS_OF, NEXT, date(2019, 12, 17))
    ]
    assert set(found["user_id"]) == set(features(LIVED, BEGUN, AS_OF)["user_id"])


@pytest.mark.parametrize(("span", "is_known"), [(10, True), (11, False)])
def test_days_that_are_not_over_give_no_label(lake: Lake, span: int, *, is_known: bool) -> None:
    """The newest events are of the 20th."""
    table = lake.table(USER_DAYS)
    table.append(LIVED, {})

    if is_known:
        assert told(labels_after(table, AS_OF, span, NOW))[3][0] is True
        with pytest.raises(LabelDaysError, match=r"newest whole day with events is 2019-12-18: choose"):
            labels_after(table, AS_OF, span, datetime(2019, 12, 20, 23, tzinfo=UTC))
    else:
        with pytest.raises(
            LabelDaysError, match=r"end on 2019-12-21, but the newest whole day with events is 2019-12-20"
        ):
            labels_after(table, AS_OF, span, NOW)


def test_a_list_of_moments_gets_the_features_of_the_day_before_and_the_labels_of_the_days_after(lake: Lake) -> None:
    table, visits = lake.table(USER_DAYS), lake.table(SESSIONS)
    table.append(LIVED, {})
    visits.append(BEGUN, {})
    asked = [(1, 11, 23), (4, 11, 0), (1, 11, 0), (2, 12, 8), (9, 12, 8)]
    moments = pl.DataFrame(
        [(user, datetime(2019, 12, day, hour, tzinfo=UTC)) for user, day, hour in asked], schema=MOMENTS, orient="row"
    )

    joined, labelled = features_at(table, visits, moments), labels_at(table, moments, 6, NOW)

    assert joined.select("user_id", "at").equals(moments)
    assert joined["purchases"].to_list() == [1, None, 1, 1, None]
    assert joined["sessions"].to_list() == [2, None, 2, 1, None]
    assert joined["days_since_purchase"].to_list() == [9, None, 9, 2, None]
    assert set(joined["as_of"]) == {AS_OF, NEXT}
    known = features(LIVED, BEGUN, AS_OF).filter(user_id=1).drop("as_of")
    assert_frame_equal(joined.head(1).select(known.columns), known)
    # What was bought on the day of the moment is in neither.
    assert labelled["purchases"].to_list() == [1, None, 1, 0, None]
    assert labelled["churned"].to_list() == [False, None, False, True, None]
    with pytest.raises(LabelDaysError):
        labels_at(table, moments, 9, NOW)


def test_moments_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "sent.csv"
    file.write_text("campaign,user_id,at\na,7,2019-12-01\nb,8,2019-12-01T10:30:00+02:00\nc,9,2019-12-01 10:30:00 UTC\n")
    read_moments(file).write_parquet(tmp_path / "sent.parquet")

    found = read_moments(file)

    assert found.rows() == [
        (7, datetime(2019, 12, 1, tzinfo=UTC)),
        (8, datetime(2019, 12, 1, 8, 30, tzinfo=UTC)),
        (9, datetime(2019, 12, 1, 10, 30, tzinfo=UTC)),
    ]
    assert read_moments(tmp_path / "sent.parquet").equals(found)


@pytest.mark.parametrize(
    "text", ["user_id,at\n7,yesterday\n", "user_id,at\nx,2019-12-01\n", "user,at\n7,2019-12-01\n", ""]
)
def test_what_is_no_list_of_moments_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sent.csv"
    file.write_text(text)

    with pytest.raises(MomentsError, match=r"Write the columns user_id and at, such as 520088904,2019-12-01"):
        read_moments(file)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    monkeypatch.setattr("assets.visitors.user_features.refresh_days", lambda lake, layout: iter(()))
    Lake(load_settings().lake).table(USER_DAYS).append(LIVED, {})
    return tmp_path


def exported(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["export", "features", *arguments, "--out", str(home / "out")])
    return "" if done.exit_code == 0 else done.output


def test_features_and_labels_are_files_whose_columns_are_described(home: Path) -> None:
    assert exported(home, "--as-of", "2019-12-10", "--label-days", "5") == ""
    (home / "sent.csv").write_text("user_id,at\n1,2019-12-11\n")
    assert exported(home, "--at", str(home / "sent.csv"), "--label-days", "5") == ""

    files = {file.name: file for file in (home / "out").iterdir()}
    assert set(files) == {
        *("user_features_2019-12-10.parquet", "user_labels_2019-12-10_5d.parquet"),
        *("sent_features.parquet", "sent_labels_5d.parquet"),
    }
    assert told(pl.read_parquet(files["user_labels_2019-12-10_5d.parquet"]))[1][1] == 2
    for file in files.values():
        said = pl.read_parquet_metadata(file)
        columns = json.loads(said[COLUMNS])
        assert columns["revenue"]["type"] == "decimal(18,2)"
        assert all(column["description"] for column in columns.values())
        assert pl.read_parquet_schema(file)["revenue"] == pl.Decimal(18, 2)


def test_an_export_that_can_not_be_labelled_writes_nothing(home: Path) -> None:
    assert "choose an earlier day" in exported(home, "--as-of", "2019-12-10", "--label-days", "60")
    assert "say either --as-of or --at" in exported(home)
    assert not (home / "out").exists()
