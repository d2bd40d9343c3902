"""Silver: each message of a batch becomes a new event, a duplicate or a row of quarantine.

Identity: the nine fields, or the event_id within its UTC day. The first message is kept, in the order of batch,
partition and offset, so a rebuilt day holds the same rows that the stream kept.

Add here: how a batch reaches silver, or how a day is rebuilt. Not here: what makes two messages the same event
(`duplicates`), or what makes one unacceptable (`events.contract`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.bronze.bronze import Batch, last_batch, read_again
from assets.bronze.fences import check_fence
from assets.progress.added_columns import added_fields
from assets.progress.batches import BATCH, batch_of
from assets.progress.changed_days import day_groups, rows_per_day
from assets.progress.rebuild_marks import can_be_stale, marked
from assets.progress.source_fingerprints import rebuilt_again
from assets.progress.untold_days import untold
from assets.silver.day_pieces import DayPieces, added_counts, judged_in, pieces_of
from assets.silver.drafts import COUNTS, judge_in_tasks
from assets.silver.duplicates import BODY, judge_duplicates
from assets.silver.purchases import rebuild_purchases
from assets.silver.spans import spans_of, within
from assets.tables import ARCHIVE, BRONZE_EVENTS, REFINED, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from resources.drafts import check_reachable
from resources.engine import Engine
from resources.lake import Lake, OpenTables, Tables
from resources.lake_errors import ProgressMovedError, again_on_conflict
from resources.lake_table import LakeTable
from resources.scratch import scratch_folder
from resources.stand_in import exchange, join, stand_in, until_exchanged
from resources.table_files import rows_of

_NAMED = pl.col("event_id").is_not_null()

PLACE = ("source", "partition", "offset")
"""The columns that identify a row of bronze."""


PURCHASES_OF = 10_000_000
"""Purchases of days with so many rows of silver are rebuilt at once: some six hundred thousand, in memory."""


@dataclass(frozen=True)
class Outcome:
    """The result of one batch: each of its messages is in `accepted`, `quarantined` or `duplicates`."""

    batch: Batch
    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    duplicates: pl.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """The number of messages, in total and per outcome."""
        return {
            "messages": self.batch.events.height,
            "accepted": self.accepted.height,
            "quarantined": self.quarantined.height,
            "duplicates": self.duplicates.height,
        }


class BatchSkippedError(AssertionError):
    """A batch between silver's last one and this one is missing; going on would lose it."""


class MessagesUnaccountedError(AssertionError):
    """A batch's messages are not the sum of accepted, quarantined and duplicates; none of it may be committed."""


def unfinished_batch(tables: Tables, topic: str) -> Batch | None:
    """The last batch of bronze, read back, if silver does not cover it: a killed run left it."""
    bronze, silver = tables.table(BRONZE_EVENTS), tables.table(SILVER_EVENTS)
    return last_batch(bronze, topic, added_fields(silver)) if batch_of(silver) < batch_of(bronze) else None


def advance_silver(tables: OpenTables, batch: Batch) -> Outcome:
    """Write this batch of bronze to quarantine, the ledger and silver.

    Idempotent: each of the three tables keeps the number of its last batch in the commit of its rows. Silver is written
    last, so a batch that silver shows is in the other two. It is written through the handle in which duplicates were
    looked for: if silver changed meanwhile, the commit is refused and the search starts again. If a user was forgotten
    meanwhile, the batch is read from bronze again.
    Raises ProgressMovedError if another run has done it, BatchSkippedError if a batch before it is missing,
    MessagesUnaccountedError as `split`.
    """
    return again_on_conflict(lambda: _advance(tables, _current(tables, batch)), lambda: tables.refresh(REFINED))


def _current(tables: OpenTables, batch: Batch) -> Batch:
    """The batch, read again if a table that it is going to has a newer fence."""
    silver = tables.table(SILVER_EVENTS)
    fence = max(table.fence for table in (tables.table(SILVER_QUARANTINE), tables.table(SILVER_BATCHES), silver))
    if fence <= batch.fence:
        return batch
    return read_again(tables.lake.table(BRONZE_EVENTS), batch, added_fields(silver))


def _advance(tables: OpenTables, batch: Batch) -> Outcome:
    silver = tables.table(SILVER_EVENTS)
    covered = batch_of(silver)
    if batch.number <= covered:
        raise ProgressMovedError(f"another run has updated silver to batch {covered}")
    if batch.number != covered + 1:
        raise BatchSkippedError(
            f"silver is at batch {covered}: batch {batch.number} can't be the next; nothing was committed"
        )
    outcome = split(batch, silver)
    if outcome.quarantined.height or batch_of(tables.table(SILVER_QUARANTINE)) == batch.number:
        _append_once(tables.table(SILVER_QUARANTINE), outcome.quarantined, batch.number)
    _append_once(tables.table(SILVER_BATCHES), ledger_rows(outcome), batch.number)
    _append_once(silver, outcome.accepted, batch.number)
    return outcome


def _append_once(table: LakeTable, rows: pl.DataFrame, number: int) -> None:
    """Append the rows of a batch, or replace those that a run left which ended before silver.

    Since then a user may have been forgotten, or a day rebuilt.
    """
    if batch_of(table) < number:
        table.append(rows, {BATCH: number})
    elif batch_of(table) == number:
        table.replace(rows, f"batch = {number}", {BATCH: number})


def split(batch: Batch, silver: LakeTable) -> Outcome:
    """Split a batch's messages into new events, quarantine and duplicates, compared with silver's rows.

    Raises MessagesUnaccountedError if the three do not add up to the batch.
    """
    refused = pl.col("reason").is_not_null()
    events = batch.events.sort("partition", maintain_order=True)
    readable = events.filter(~refused) if events["reason"].null_count() < events.height else events
    judged = judge_duplicates(readable, _stored_copies(readable, silver))
    quarantined = pl.concat([events.filter(refused), judged.filter(refused).drop("is_duplicate")]).with_columns(
        arrival_date=arrival_date()
    )
    duplicates = judged.filter("is_duplicate", ~refused)
    outcome = Outcome(batch, judged.filter(~pl.col("is_duplicate"), ~refused), quarantined, duplicates)
    if outcome.accepted.height + quarantined.height + duplicates.height != batch.events.height:
        raise MessagesUnaccountedError(f"batch {batch.number}: its messages do not add up; nothing was committed")
    return outcome


def _stored_copies(events: pl.DataFrame, silver: LakeTable) -> pl.DataFrame:
    """Rows of silver that these events may repeat: those near in time, and those with the same event_id that day."""
    columns = ["event_date", "event_id", *BODY]
    named = events.filter(_NAMED)
    if named.is_empty():
        return silver.read(within(spans_of(events), "event_time"), columns)
    near = silver.read(within(spans_of(events.filter(~_NAMED)), "event_time"), columns)
    known = rows_of(silver, "event_id", named["event_id"].unique(), set(named["event_date"]), columns)
    return pl.concat([near.filter(~_NAMED), known])


def ledger_rows(outcome: Outcome) -> pl.DataFrame:
    """One row per partition of the batch: its offsets, and the number of messages per outcome."""
    batch = outcome.batch
    ranges = pl.DataFrame(
        {
            "partition": list(batch.end),
            "start_offset": [batch.start[p] for p in batch.end],
            "end_offset": list(batch.end.values()),
        },
        schema={"partition": pl.Int32, "start_offset": pl.Int64, "end_offset": pl.Int64},
    )
    kinds = {
        "messages": batch.events,
        "accepted": outcome.accepted,
        "quarantined": outcome.quarantined,
        "duplicates": outcome.duplicates,
    }
    listed = pl.concat(rows.lazy().select("partition", "event_date", kind=pl.lit(name)) for name, rows in kinds.items())
    counted = listed.group_by("partition").agg(
        *(pl.col("kind").eq(name).sum().cast(pl.Int64).alias(name) for name in kinds),
        days=pl.col("event_date").filter(pl.col("kind") == "accepted").unique().sort(),
    )
    without = pl.col("end_offset") - pl.col("start_offset") - pl.col("messages")
    placed = ranges.lazy().join(counted, on="partition", how="left", maintain_order="left")
    return (
        placed.with_columns(pl.col(*kinds).fill_null(0), pl.col("days").fill_null([]))
        .with_columns(
            batch=pl.lit(batch.number),
            source=pl.lit(batch.source),
            markers=pl.lit(0, pl.Int64) if batch.is_loss else without,
            lost=without if batch.is_loss else pl.lit(0, pl.Int64),
            ingested_at=pl.lit(batch.ingested_at),
        )
        .collect()
    )


def rebuild_silver(lake: Lake, days: list[date], engine: Engine | None = None) -> pl.DataFrame:
    """Rebuild these days of silver, and their purchases, from bronze; returns rows per source, partition and outcome.

    Marks them as unfinished: `finishing` takes that back once they are in gold. With an `engine`, each day is judged in
    a task of its own, on whatever machine; all days are committed here, at once.

    Uses only batches that silver covers, so it can run beside the stream. Running it again changes no row. First adds
    the refused rows that quarantine lacks. Both commits carry the tables' own progress: a micro-batch that looked for
    duplicates before them is refused and starts again.
    Raises EngineError if an engine can't be used.
    """
    if engine:
        check_reachable(lake)

    def rebuild() -> pl.DataFrame:
        silver = lake.table(SILVER_EVENTS)
        if engine:
            return _put_drafts(lake, engine, days, silver)
        with pieces_of(lake.table(BRONZE_EVENTS), days, batch_of(silver), added_fields(silver)) as pieces:
            return put_in_silver(lake, pieces, days, silver)

    counts = again_on_conflict(rebuild)
    for some in day_groups(rows_per_day(lake.table(SILVER_EVENTS)), days, PURCHASES_OF):
        rebuild_purchases(lake, some)
    return counts


def put_in_silver(
    lake: Lake, pieces: DayPieces, days: Sequence[date], silver: LakeTable, only: Sequence[date] = ()
) -> pl.DataFrame:
    """Replace silver's rows of these days with the judged ones; returns the counts of `rebuild_silver`.

    The pieces hold what bronze had at `silver`'s batch; later rows of silver stay. `only` limits the pieces to these
    days, if they hold others too. Raises ConcurrentCommitError if the days must be judged again.
    """

    def refuse(rows: pl.DataFrame) -> None:
        again_on_conflict(lambda: _quarantine(lake, rows, pieces.fence))

    covered, rebuilt = batch_of(silver), rebuilt_again(silver, days)
    if lake.is_local:
        with stand_in(lake, SILVER_EVENTS) as other:
            counts = judged_in(pieces, refuse, lambda rows: other.append(rows, {BATCH: covered}), only)
            until_exchanged(lambda: _take_place(lake, other, days, rebuilt), SILVER_EVENTS)
            return counts
    # Which days will have rows is not known yet: all of them are marked.
    progress = {BATCH: covered, **rebuilt, **marked(silver, days), **untold(silver, days)}
    return judged_in(pieces, refuse, lambda rows: silver.replace(rows, SILVER_EVENTS.on_days(days), progress), only)


def _put_drafts(lake: Lake, engine: Engine, days: Sequence[date], silver: LakeTable) -> pl.DataFrame:
    """As `put_in_silver`, for days that are judged in tasks."""
    covered, rebuilt = batch_of(silver), rebuilt_again(silver, days)
    with scratch_folder("stand-in-drafts", lake.scratch) as folder:
        drafts = judge_in_tasks(engine, lake, folder, days, covered, added_fields(silver))
        for draft in drafts:
            for rows in draft.refused():
                again_on_conflict(lambda: _quarantine(lake, rows, draft.fence))  # noqa: B023
        with stand_in(lake, SILVER_EVENTS) as other:
            join(other, [draft.accepted for draft in drafts], {BATCH: covered})
            until_exchanged(lambda: _take_place(lake, other, days, rebuilt), SILVER_EVENTS)
        return added_counts([COUNTS.to_frame(), *(draft.counts for draft in drafts)])


def _take_place(lake: Lake, other: LakeTable, days: Sequence[date], rebuilt: Mapping[str, int]) -> bool:
    """Add to `other` what silver has got since, and put it in the place of silver's days.

    False if the days were rebuilt by somebody else, or if a new row is a duplicate of a row that only `other` has.
    """
    silver = lake.table(SILVER_EVENTS)
    if rebuilt_again(silver, days) != rebuilt:
        return False
    covered, known = batch_of(silver), batch_of(other)
    if covered > known:
        new = silver.read(f"{SILVER_EVENTS.on_days(days)} AND batch > {known}")
        if _repeats(new, other):
            return False
        other.append(new, {BATCH: covered})
    marks = marked(silver, can_be_stale(lake, days, silver, other))
    exchange(silver, other, days, {BATCH: covered, **rebuilt, **marks, **untold(silver, days)})
    return True


def _repeats(events: pl.DataFrame, stored: LakeTable) -> bool:
    """Whether one of these events is a duplicate of a stored one."""
    unjudged = events.with_columns(reason=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
    return events.height > 0 and bool(judge_duplicates(unjudged, _stored_copies(events, stored))["is_duplicate"].any())


def _quarantine(lake: Lake, refused: pl.DataFrame, fence: int) -> None:
    """Add the rows that quarantine lacks. Raises FencedOffError if `fence` is not bronze's any more."""
    if refused.is_empty():
        return
    quarantine = lake.table(SILVER_QUARANTINE)
    check_fence(lake, fence)
    rows = quarantine_rows(refused)
    held = quarantine.read(SILVER_QUARANTINE.on_days(rows["arrival_date"].unique()), PLACE)
    missing = rows.join(held, on=PLACE, how="anti")
    if missing.height:
        days = set(missing["arrival_date"])
        quarantine.append(missing, {BATCH: batch_of(quarantine), **untold(quarantine, days)})


def quarantine_rows(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows of bronze as quarantine keeps them: by day of arrival; those of the archive with file and line."""
    dated = refused.with_columns(arrival_date=arrival_date())
    line = pl.format("{}, line {}: {}", pl.col("arrival_date").dt.to_string("%Y-%b"), "offset", pl.col("detail"))
    told = pl.when(pl.col("source") == ARCHIVE).then(line).otherwise("detail")
    return dated.with_columns(detail=told).select(SILVER_QUARANTINE.schema.names())


def arrival_date() -> pl.Expr:
    """The day of a refused row of bronze: when it was read; for a line of the archive, the first day of its month."""
    from_archive = pl.col("source") == ARCHIVE
    month = pl.when(from_archive).then("partition").otherwise(197001)
    first = pl.date(month // 100, month % 100, 1)
    return pl.when(from_archive).then(first).otherwise(pl.col("ingested_at").dt.date())


def near(rows: pl.DataFrame) -> str:
    """A predicate for these rows of bronze, and few others; file statistics can prune by it."""
    spans = rows.group_by("source", "partition").agg(first=pl.col("offset").min(), last=pl.col("offset").max())
    return " OR ".join(
        f"(source = '{source}' AND partition = {partition} AND \"offset\" BETWEEN {first} AND {last})"
        for source, partition, first, last in spans.iter_rows()
    )
