"""The events of the newest days by user, on the local disk: it finds a user's events without reading the whole day.

It is filled from silver and may be deleted at any time: the next refresh fills it again, by one read of the day. Texts
are kept as codes, two hashes of 64 bits each: the only question is whether two events hold the same text.
Add here: how events are kept and found. Not here: what is computed from them (`appended_events`).
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from assets.progress.source_fingerprints import day_rows, fingerprint, rebuilds_of
from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.record_runs import Keys, RecordRuns, Records

PIECE = 2_000_000
"""Events sorted at once: about 600 MB of memory."""

READ = (
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session", "ingested_at", "event_date"),
)
"""The columns of silver that the visitor tables read."""

_KINDS = pl.Enum(["view", "cart", "remove_from_cart", "purchase"])
_MOMENTS = ("event_time", "ingested_at")
_NUMBERS = ("product_id", "category_id", "user_id", "batch")
_TEXTS = ("brand", "user_session")
_HASHES = tuple(f"{name}_{half}" for name in _TEXTS for half in (1, 2))
_EVENT = np.dtype([*((name, "i8") for name in (*_MOMENTS, *_NUMBERS, *_HASHES, "cents")), ("event_type", "i1")])
_VISIT = np.dtype([("user_id", "i8")])
_NONE = int(np.iinfo(np.int64).min)

CODED = ("event_time", "event_type", "product_id", "price", "user_id", "user_session", "ingested_at", "batch")
"""The columns, besides the day, from which rows of user_days and sessions are computed."""

STEP = ("event_type", "product_id", "category_id", "brand", "price", "user_id", "user_session", "batch")
"""The columns from which distinct users and visits are counted."""


def coded(events: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Rows of silver as the index returns them: the columns CODED or STEP, with codes in place of brand and visit."""
    return _decoded(_encoded(events), names)


def codes_of(texts: pl.Series) -> pl.DataFrame:
    """Each distinct text beside its `code`."""
    distinct = texts.unique().drop_nulls()
    halves = (_hash(pl.col(texts.name), half) for half in (1, 2))
    return distinct.to_frame().with_columns(code=_code(*halves))


@dataclass(frozen=True)
class DayIndex:
    """One day of silver, at the version of this handle, by user and by name of visit."""

    silver: LakeTable
    day: date
    folder: Path

    def around(self, events: pl.DataFrame) -> pl.DataFrame:
        """What the users of these events, and others in the same visits, did on the day: the columns STEP."""
        self._advance()
        sharing = self._visits.find(_visits_in(events))["user_id"]
        users = np.concatenate([events["user_id"].to_numpy(), sharing])
        return _decoded(self._events.find(np.unique(users)), STEP)

    def of_users(self, users: pl.Series, visits_in: pl.DataFrame | None = None) -> pl.DataFrame:
        """All events of these users on the day, as `coded`.

        With `visits_in`, only events of its visits and those without a visit.
        """
        self._advance()
        found = self._events.find(np.unique(users.to_numpy()))
        if visits_in is not None:
            found = found[np.isin(found["user_session_1"], [_NONE, *_visits_in(visits_in)])]
        return _decoded(found, CODED).with_columns(event_date=pl.lit(self.day))

    @property
    def _events(self) -> RecordRuns:
        return RecordRuns(self.folder / "events", _EVENT)

    @property
    def _visits(self) -> RecordRuns:
        return RecordRuns(self.folder / "visits", _VISIT)

    def _advance(self) -> None:
        """Update the index from silver. If it then has another number of rows than silver, refill it."""
        rows = day_rows(self.silver).get(self.day, (0, None))[0]
        if self._add(rows) != rows:
            self._events.drop()
            self._visits.drop()
            self._add(rows)

    def _add(self, rows: int) -> int:
        """Add what is missing; return the number of events, or silver's `rows` if the two can't be compared.

        They can't if another process has added later batches meanwhile, which does no harm.
        """
        last = self.silver.progress("batch") or 0
        for runs, sort in ((self._events, _by_user), (self._visits, _by_visit)):
            covered = -1 if runs.covered is None else runs.covered
            if covered < last:
                runs.add(last, map(sort, self._pieces(covered)))
        return self._events.records if self._events.covered == last else rows

    def _pieces(self, covered: int) -> Iterator[pl.DataFrame]:
        where = f"{SILVER_EVENTS.on_days([self.day])} AND batch > {covered}"
        return self.silver.stream(where, PIECE, (*READ, "batch"))


def index_of(lake: Lake, silver: LakeTable, day: date) -> DayIndex:
    """The index of a day. A rebuild of the day, or another version of Polars, starts a new one."""
    version = fingerprint(f"{rebuilds_of(silver, day)} {pl.__version__} {_EVENT}")
    return DayIndex(silver, day, _folder(lake) / f"{day:%Y%m%d}" / str(version))


def drop_indexes(lake: Lake, before: date | None = None) -> None:
    """Delete the indexes of the days before `before`, or all of them."""
    folder = _folder(lake)
    for path in folder.iterdir() if folder.exists() else ():
        if before is None or not re.fullmatch(r"\d{8}", path.name) or path.name < f"{before:%Y%m%d}":
            shutil.rmtree(path, ignore_errors=True)


def _folder(lake: Lake) -> Path:
    return lake.scratch / "day_index"


def _by_user(events: pl.DataFrame) -> tuple[Keys, Records]:
    return events["user_id"].to_numpy(), _encoded(events)


def _by_visit(events: pl.DataFrame) -> tuple[Keys, Records]:
    pairs = events.select("user_id", "user_session").drop_nulls().unique()
    records = np.empty(pairs.height, _VISIT)
    records["user_id"] = pairs["user_id"].to_numpy()
    return pairs.select(_hash(pl.col("user_session"), 1)).to_series().to_numpy(), records


def _encoded(events: pl.DataFrame) -> Records:
    numbers = events.select(
        *(pl.col(name).to_physical() for name in _MOMENTS),
        *(pl.col(name).cast(pl.Int64).fill_null(_NONE) for name in _NUMBERS),
        *(_hash(pl.col(name), half).fill_null(_NONE).alias(f"{name}_{half}") for name in _TEXTS for half in (1, 2)),
        pl.col("price").to_physical().cast(pl.Int64).alias("cents"),
        pl.col("event_type").cast(_KINDS).to_physical().cast(pl.Int8),
    )
    records = np.empty(events.height, _EVENT)
    for name in numbers.columns:
        records[name] = numbers[name].to_numpy()
    return records


def _visits_in(events: pl.DataFrame) -> Keys:
    return np.unique(events.select(_hash(pl.col("user_session"), 1)).to_series().drop_nulls().to_numpy())


def _decoded(records: Records, names: Sequence[str]) -> pl.DataFrame:
    """These columns of the events: CODED or STEP."""
    numbers = pl.DataFrame({name: np.ascontiguousarray(records[name]) for name in _fields(names)})
    chosen = [_MADE.get(name, pl.col(name)).alias(name) for name in names]
    return numbers.select(chosen).cast(pl.Schema({name: SILVER_EVENTS.schema[name] for name in names}))


def _fields(names: Sequence[str]) -> list[str]:
    """The fields of a record from which these columns are made."""
    halves = [f"{name}_{half}" for name in names if name in _TEXTS for half in (1, 2)]
    return [
        *(name for name in names if name not in (*_TEXTS, "price")),
        *halves,
        *(["cents"] if "price" in names else []),
    ]


def _hash(text: pl.Expr, seed: int) -> pl.Expr:
    """A hash of the text; null for null."""
    return pl.when(text.is_not_null()).then(text.hash(seed).reinterpret(signed=True))


def _code(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    return pl.format("{}.{}", first, second)


def _known(name: str) -> pl.Expr:
    return pl.col(name).replace(_NONE, None)


_MADE: Mapping[str, pl.Expr] = {
    "category_id": _known("category_id"),
    "event_type": pl.col("event_type").cast(pl.UInt8).cat.to(_KINDS).cast(pl.String),
    "price": pl.col("cents").cast(pl.Decimal(20, 2)) / 100,
    **{name: pl.from_epoch(name, "us").dt.replace_time_zone("UTC") for name in _MOMENTS},
    **{name: _code(_known(f"{name}_1"), _known(f"{name}_2")) for name in _TEXTS},
}
