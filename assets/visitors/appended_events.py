"""Days that have only grown: the visitor tables take in the new events, at a cost that does not grow with the day.

`day_index` tells what the users of the new events, and others in the same visits, did earlier that day. A user's row,
or a session, is computed from all of its events, by the same query that computes a whole day.
Add here: how a table takes in new events. Not here: a whole day (`whole_days`), or when (`daily_tables`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from assets.progress.batches import batch_of
from assets.progress.source_fingerprints import day_rows, fingerprint, rebuilds_of, recent_slot_of
from assets.tables import FUNNEL_DAILY, SESSIONS, SILVER_EVENTS, USER_DAYS
from assets.visitors.day_index import CODED, PIECE, READ, STEP, coded, codes_of, index_of
from assets.visitors.funnel import added_up, events_counted, first_times
from assets.visitors.sessions import SILENCE
from assets.visitors.whole_days import computed
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.superseding import SUPERSEDED_FROM, Superseding

STEP_ROWS = 500_000
"""About this many new events are taken in at once; it bounds the memory at about 1.5 GB."""

INDEXED_DAYS = 3
"""How many of the newest days have an index. Of an older day all events are read, piece by piece."""

MANY_LATE = 20_000
"""With more new events than this, a day without an index is computed as a whole."""

_ROWS = 2**34
"""Larger than any day's number of rows, which shares one progress with a batch."""

_DAY = timedelta(days=1)

_COUNTING = SESSIONS.superseding or Superseding((), ())


@dataclass(frozen=True)
class Growth:
    """New events of a day, from the batches after `before` up to `until`. With them the day has `rows` rows."""

    day: date
    before: int
    until: int
    rows: int
    events: pl.DataFrame


def shown(silver: LakeTable, days: list[date], query: str) -> dict[str, int]:
    """The progress of a commit after which a table shows all events that silver holds of these days."""
    held, last = day_rows(silver), batch_of(silver)
    progress: dict[str, int] = {}
    for day in days:
        progress |= _progress(silver, day, query, last, held[day][0] if day in held else 0)
    return progress


def growth_of(table: LakeTable, silver: LakeTable, day: date, query: str) -> Growth | None:
    """What a table has to take in next for a day; None if the day must be computed as a whole, or is not stale.

    A day is computed as a whole if it is new or rebuilt, if the query changed, if the day has at least doubled, if it
    has many new events and no index, or if silver's rows are not those seen plus those of later batches.
    """
    if table.progress(_base(day)) != _base_of(silver, day, query):
        return None
    before, rows = divmod(table.progress(_seen(day)) or 0, _ROWS)
    held = day_rows(silver).get(day, (0, None))[0]
    if not 0 < held - rows < rows or (not _is_indexed(silver, day) and held - rows > MANY_LATE):
        return None
    where = f"{SILVER_EVENTS.on_days([day])} AND batch > {before}"
    batches = silver.read(where, ["batch"]).group_by("batch").len("events").sort("batch")
    if batches["events"].sum() != held - rows:
        return None
    in_step = batches.filter((pl.col("events").cum_sum() <= STEP_ROWS) | (pl.int_range(pl.len()) == 0))["batch"]
    is_last = in_step.len() == batches.height
    until: int = max(before, batch_of(silver)) if is_last else in_step.to_list()[-1]
    events = silver.read(f"{where} AND batch <= {until}", (*READ, "batch"))
    return Growth(day, before, until, rows + events.height, events)


def take_in(lake: Lake, table: LakeTable, silver: LakeTable, growth: Growth, progress: dict[str, int]) -> None:
    """Add these events to a table, in one commit with `progress`. Rows that supersede others are appended.

    The funnel's rows of the day are replaced.
    """
    if table.layout is FUNNEL_DAILY:
        rows = _funnel(lake, table, silver, growth)
        table.replace(rows, FUNNEL_DAILY.on_days([growth.day]), progress)
        return
    appended = _user_days(lake, silver, growth) if table.layout is USER_DAYS else _sessions(lake, table, silver, growth)
    table.append(appended, progress | _superseded(table, appended))


def step_progress(silver: LakeTable, growth: Growth, query: str) -> dict[str, int]:
    """The progress of a commit after which a table shows the events of this step."""
    return _progress(silver, growth.day, query, growth.until, growth.rows)


def _progress(silver: LakeTable, day: date, query: str, batch: int, rows: int) -> dict[str, int]:
    return {_base(day): _base_of(silver, day, query), _seen(day): batch * _ROWS + rows}


def _base(day: date) -> str:
    return f"base/{recent_slot_of(day)}"


def _seen(day: date) -> str:
    return f"seen/{recent_slot_of(day)}"


def _base_of(silver: LakeTable, day: date, query: str) -> int:
    return fingerprint(f"{day} {rebuilds_of(silver, day)} {query}")


def _is_indexed(silver: LakeTable, day: date) -> bool:
    return day > max(day_rows(silver)) - INDEXED_DAYS * _DAY


def _superseded(table: LakeTable, appended: pl.DataFrame) -> dict[str, int]:
    """The progress that says which days hold rows that may not count."""
    days = sorted(set(appended["event_date"]))
    since = [table.progress(SUPERSEDED_FROM) or 0, *(day.toordinal() for day in days)]
    first = min((number for number in since if number), default=0)
    return {**{unsettled(day): day.toordinal() for day in days}, SUPERSEDED_FROM: first}


def unsettled(day: date) -> str:
    """The progress that holds the day's ordinal while the day may have rows that do not count."""
    return f"unsettled/{recent_slot_of(day)}"


def _around(lake: Lake, silver: LakeTable, growth: Growth) -> pl.DataFrame:
    """What the new events' users and visits did on the day, up to the step's last batch: the columns STEP."""
    if _is_indexed(silver, growth.day):
        found = index_of(lake, silver, growth.day).around(growth.events)
    else:
        users, visits = growth.events["user_id"].unique(), growth.events["user_session"].drop_nulls().unique()
        near = pl.col("user_id").is_in(users.implode()) | pl.col("user_session").is_in(visits.implode())
        found = coded(_filtered(silver, growth.day, near), STEP)
    return found.filter(pl.col("batch") <= growth.until)


def _of_users(
    lake: Lake, silver: LakeTable, day: date, users: pl.Series, visits_in: pl.DataFrame | None = None
) -> pl.DataFrame:
    """What users did on a day: the columns CODED, and the day.

    With `visits_in`, an indexed day gives only events of its visits and those without a visit.
    """
    if _is_indexed(silver, day):
        return index_of(lake, silver, day).of_users(users, visits_in)
    theirs = coded(_filtered(silver, day, pl.col("user_id").is_in(users.implode())), CODED)
    return theirs.with_columns(event_date=pl.lit(day))


def _filtered(silver: LakeTable, day: date, near: pl.Expr) -> pl.DataFrame:
    pieces = silver.stream(SILVER_EVENTS.on_days([day]), PIECE, (*READ, "batch"))
    return pl.concat(piece.filter(near.fill_null(value=False)) for piece in pieces)


def _user_days(lake: Lake, silver: LakeTable, growth: Growth) -> pl.DataFrame:
    known = _of_users(lake, silver, growth.day, growth.events["user_id"])
    return computed(USER_DAYS, known.filter(pl.col("batch") <= growth.until))


def _funnel(lake: Lake, table: LakeTable, silver: LakeTable, growth: Growth) -> pl.DataFrame:
    """The day's rows: those of the table, plus the counts of the new events.

    A user or visit is not counted twice for the same step and key. So only the keys of new events change.
    """
    around = _around(lake, silver, growth).with_columns(event_date=pl.lit(growth.day))
    first = pl.concat(first_times(around, who, growth.before) for who in ("users", "sessions"))
    names = codes_of(growth.events["brand"]).rename({"brand": "name"})
    named = first.join(names, left_on="brand", right_on="code", how="left").with_columns(brand="name").drop("name")
    held = table.read(FUNNEL_DAILY.on_days([growth.day]))
    return added_up(pl.concat([held, events_counted(growth.events), named.select(held.columns)]))


def _sessions(lake: Lake, table: LakeTable, silver: LakeTable, growth: Growth) -> pl.DataFrame:
    """The sessions that are new or have changed. Those that no longer exist are removed from the table."""
    names = codes_of(growth.events["user_session"])
    touched = pl.col("user_session").is_null() | pl.col("user_session").is_in(names["code"].implode())
    events = _over_midnight(lake, table, silver, growth).filter(touched)
    known = (pl.col("event_date") != growth.day) | (pl.col("batch") <= growth.before)
    was, now = (_named(computed(SESSIONS, some), names) for some in (events.filter(known), events))
    counting = _COUNTING.alive(pl.concat([now, was]))
    gone = counting.join(now, on=counting.columns, how="anti", nulls_equal=True)
    if gone.height:
        _take_out(table, gone)
    return now.join(was, on=now.columns, how="anti", nulls_equal=True)


def _named(sessions: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Replace the codes of visits by their names."""
    named = sessions.rename({"user_session": "code"}).join(names, on="code", how="left", maintain_order="left")
    return named.select(SESSIONS.schema.names())


def _take_out(table: LakeTable, gone: pl.DataFrame) -> None:
    """Remove sessions that now begin on an earlier day. No progress is committed: after a kill this is done again."""
    listed = ", ".join(map(str, gone["user_id"].unique()))
    where = f"{SESSIONS.on_days(gone['event_date'].unique())} AND user_id IN ({listed})"
    kept = table.read(where).join(gone, on=gone.columns, how="anti", nulls_equal=True)
    table.replace(kept, where, {})


def _over_midnight(lake: Lake, table: LakeTable, silver: LakeTable, growth: Growth) -> pl.DataFrame:
    """All events of the new events' users on the day. If a session may cross midnight, also on the days around it."""
    held, users, new = day_rows(silver), growth.events["user_id"].unique(), growth.events
    whole = [_of_users(lake, silver, growth.day, users, new).filter(pl.col("batch") <= growth.until)]
    for step in (-_DAY, _DAY):
        day, events = growth.day, whole[0]
        while (users := _crossing(events, day, step)).len() and (day := day + step) in held:
            last = table.progress(_seen(day)) if table.progress(_base(day)) else None
            seen = pl.lit(value=True) if last is None else pl.col("batch") <= last // _ROWS
            events = _of_users(lake, silver, day, users, new).filter(seen)
            whole.append(events)
    return pl.concat(whole)


def _crossing(events: pl.DataFrame, day: date, step: timedelta) -> pl.Series:
    """The users with an event within SILENCE of the midnight that begins the day (a step back) or ends it (forward)."""
    midnight = pl.lit(day if step < timedelta(0) else day + step).cast(SILVER_EVENTS.schema["event_time"])
    near = (pl.col("event_time") - midnight).abs() <= SILENCE
    return events.filter(near)["user_id"].unique()
