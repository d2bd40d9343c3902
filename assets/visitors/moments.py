"""Training data for a list of users and moments, such as offers that were sent: an as-of join, by days.

What a user did on the day of a moment is in neither features nor labels: user_days knows days alone, so features end
with the day before, and labels begin with the day after.
Add here: how a list is joined. Not here: a feature (`user_features`), or a label (`user_labels`).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables import USER_FEATURES
from assets.visitors.user_features import DAY_SUMS, features
from assets.visitors.user_labels import LABELS, READ, check_label_days, labels
from resources.foreseen_error import ForeseenError
from resources.lake_table import LakeTable

MOMENTS = pl.Schema({"user_id": pl.Int64(), "at": UTC_MICROSECONDS})

_DAY = timedelta(days=1)


class MomentsError(ForeseenError):
    """A file is no list of users and moments; the message says what is wrong with it."""


def features_at(days: LakeTable, sessions: LakeTable, moments: pl.DataFrame) -> pl.DataFrame:
    """The rows of `moments` (MOMENTS), in their order, with the features of the day before each.

    `days` is user_days. Features are null, but for as_of, where the user had not been seen by then.
    """
    columns = {name: kind for name, kind in USER_FEATURES.schema.items() if name not in ("user_id", "as_of")}
    begun = sessions.read(None, ("user_id", "event_date")).join(moments, on="user_id", how="semi")
    read = ("user_id", "event_date", *DAY_SUMS)
    return _joined(days, moments, read, columns, lambda theirs, as_of: features(theirs, begun, as_of))


def labels_at(table: LakeTable, moments: pl.DataFrame, span: int, now: datetime) -> pl.DataFrame:
    """The rows of `moments`, in their order, with the labels of the `span` days after the day of each.

    Null where the user had not been seen by the day before. Raises LabelDaysError.
    """
    newest = moments["at"].max()
    if isinstance(newest, datetime):
        check_label_days(table, newest.date() + _DAY, span, now)
    columns = {name: kind for name, (kind, _) in LABELS.items()}
    return _joined(table, moments, READ, columns, lambda days, as_of: labels(days, as_of, as_of + 2 * _DAY, span))


def _joined(
    table: LakeTable,
    moments: pl.DataFrame,
    read: tuple[str, ...],
    columns: dict[str, pl.DataType],
    compute: Callable[[pl.DataFrame, date], pl.DataFrame],
) -> pl.DataFrame:
    wanted = moments.with_columns(as_of=pl.col("at").dt.date() - pl.duration(days=1)).with_row_index("_row")
    days = table.read(None, read).join(wanted, on="user_id", how="semi")
    empty = pl.DataFrame(schema={"_row": pl.UInt32(), **columns})
    found = [empty]
    for (as_of,), some in wanted.partition_by("as_of", as_dict=True).items():
        theirs = days.join(some, on="user_id", how="semi")
        computed = compute(theirs, as_of).select("user_id", *columns)
        found.append(some.select("_row", "user_id").join(computed, on="user_id").select(empty.columns))
    return wanted.join(pl.concat(found), on="_row", how="left").sort("_row").drop("_row")


def read_moments(file: Path) -> pl.DataFrame:
    """The rows of a CSV or Parquet file with columns `user_id` and `at`: MOMENTS.

    `at`: a day or a moment, as text in ISO 8601 or as a time; UTC unless it says another offset. Raises MomentsError.
    """
    try:
        held = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
        at = [_moment(value) for value in held["at"]]
        return held.select("user_id", at=pl.Series(at, dtype=MOMENTS["at"])).cast(MOMENTS)
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise MomentsError(
            f"{file} can't be read as users and moments: {said}. Write the columns user_id and at, such as "
            "520088904,2019-12-01 or 520088904,2019-12-01T10:30:00Z"
        ) from error


def _moment(value: object) -> datetime:
    """Raises ValueError for what is no time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace(" UTC", "Z"))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
