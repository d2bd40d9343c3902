"""Judges refused rows again by today's rules, and moves those that pass to their day.

Add here: what happens to refused rows after their batch. Not here: why they are refused (`events.contract`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.bronze.avro_schemas import keep_schemas, schemas_of
from assets.bronze.fences import check_fence
from assets.bronze.forgotten_users import forgotten_users, without_forgotten
from assets.events.avro_decoder import new_schemas
from assets.events.contract import AddedFields
from assets.gold.gold import rebuild_gold
from assets.progress.added_columns import added_fields
from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import finishing
from assets.progress.untold_days import untold
from assets.silver.day_pieces import JUDGED, parse_bronze, pieces_of
from assets.silver.duplicates import BODY, CONFLICT
from assets.silver.month_counts import recount_months
from assets.silver.removal import release_refused, remove_messages, restate_batches
from assets.silver.silver import PLACE, near, quarantine_rows, rebuild_silver
from assets.tables import ARCHIVE, BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_QUARANTINE
from resources.lake import Lake, OpenTables
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.schema_registry import SchemaRegistry


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay: rows judged, events that silver has gained, and rows that repeat an event that it had.

    `days` are the days of the events that were won back.
    """

    tried: int
    accepted: int
    duplicates: int
    days: list[date]

    @property
    def won_back(self) -> int:
        """The rows that have left quarantine."""
        return self.accepted + self.duplicates

    @property
    def still_refused(self) -> int:
        return self.tried - self.won_back


MOST_SCHEMAS = 1_000
"""How many unknown Avro schemas a replay asks for: it may take longer than the stream, which waits for nothing."""


def replay(
    lake: Lake, arrival_days: Sequence[date], window_seconds: int, registry: SchemaRegistry | None = None
) -> Replay:
    """Judge the rows again that were refused on these days of arrival, except conflicts, which no rule can change.

    First the Schema Registry, if there is one, is asked for schemas of Avro values that bronze lacks: they came before
    it was set, or before it knew them. Raises RegistryError, and changes nothing, if it does not answer.

    A row that passes moves in bronze to the day of its event; that day is rebuilt, so an event that is there already is
    a duplicate and counts once. Idempotent; the next replay completes one that was cut short. What turns out to be a
    forgotten user's is removed instead.
    """
    # A batch that is in quarantine and not in silver yet is still being written.
    covered = batch_of(lake.table(SILVER_EVENTS))
    refused = _refused(lake, arrival_days).filter(pl.col("reason") != CONFLICT, pl.col("batch") <= covered)
    _learn_schemas(lake, refused, registry)
    refused = refused.join(_drop_forgotten(lake, refused), on=PLACE, how="anti")
    if refused.is_empty():
        return Replay(0, 0, 0, [])
    good = again_on_conflict(lambda: _refile(lake, refused))
    days = sorted(set(good["event_date"]))
    if not days:
        return Replay(refused.height, 0, 0, [])
    with finishing(lake, days, rebuilds=1):
        rebuild_silver(lake, days)
        rebuild_gold(lake, DAILY, days, window_seconds)
    judged = again_on_conflict(lambda: _release(lake, arrival_days, good, days))
    released = judged.filter(pl.col("outcome") != "quarantined")
    accepted = released.filter(pl.col("outcome") == "accepted", ~pl.col("is_known")).height
    return Replay(refused.height, accepted, released.height - accepted, days)


def _learn_schemas(lake: Lake, refused: pl.DataFrame, registry: SchemaRegistry | None) -> None:
    """Keep in bronze the schemas of these values that the registry has."""
    if registry is not None and refused.height:
        tables = OpenTables(lake, [BRONZE_EVENTS])
        known = schemas_of(tables.table(BRONZE_EVENTS))
        keep_schemas(tables, new_schemas(refused["value"], known, registry, MOST_SCHEMAS))


def _refused(lake: Lake, arrival_days: Sequence[date]) -> pl.DataFrame:
    table = lake.table(SILVER_QUARANTINE)
    return table.read(SILVER_QUARANTINE.on_days(arrival_days) if arrival_days else "false")


def _drop_forgotten(lake: Lake, refused: pl.DataFrame) -> pl.DataFrame:
    """Remove the rows that pass now and are of users who were forgotten since; return their places.

    They leave bronze first: a rebuild can then never bring them to silver, whenever this is cut short.
    """
    bronze, forgotten = lake.table(BRONZE_EVENTS), forgotten_users(lake)
    if refused.is_empty() or not forgotten:
        return refused.clear().select(PLACE)
    passed = _passing(bronze, refused, added_fields(lake.table(SILVER_EVENTS)))
    left = without_forgotten(passed, forgotten, schemas_of(bronze))
    gone = passed.join(left, on=PLACE, how="anti").with_columns(is_event=pl.lit(value=True))
    for day in sorted(set(gone["event_date"])):
        remove_messages(lake, gone.filter(event_date=day), day)
    release_refused(lake, gone)
    from_archive = pl.col("source") == ARCHIVE
    restate_batches(lake, set(gone.filter(~from_archive)["batch"]))
    recount_months(lake, set(gone.filter(from_archive)["partition"]))
    return gone.select(PLACE)


def _refile(lake: Lake, refused: pl.DataFrame) -> pl.DataFrame:
    """Move the rows of bronze that pass now to the days of their events; return their places and days."""
    bronze = lake.table(BRONZE_EVENTS)
    passed = _passing(bronze, refused, added_fields(lake.table(SILVER_EVENTS))).with_columns(
        home=pl.col("event_time").dt.date()
    )
    moved = passed.filter(pl.col("event_date") != pl.col("home"))
    if moved.height:
        _move(bronze, moved)
    return passed.select(*PLACE, event_date="home")


def _passing(bronze: LakeTable, refused: pl.DataFrame, added: AddedFields) -> pl.DataFrame:
    """The refused rows of bronze that today's rules let pass, parsed."""
    span = near(refused)
    days = bronze.read(span, [*PLACE, "event_date"]).join(refused, on=PLACE, how="semi")["event_date"].unique()
    rows = bronze.read(f"{BRONZE_EVENTS.on_days(days)} AND ({span})").join(refused, on=PLACE, how="semi")
    return parse_bronze(rows, schemas_of(bronze), added).filter(pl.col("reason").is_null())


def _move(bronze: LakeTable, moved: pl.DataFrame) -> None:
    """Store these rows under their `home` day instead of their event_date."""
    days = {*moved["event_date"], *moved["home"]}
    where = f"{BRONZE_EVENTS.on_days(days)} AND ({near(moved)})"
    others = bronze.read(where).join(moved, on=PLACE, how="anti")
    at_home = moved.with_columns(event_date="home")
    names = BRONZE_EVENTS.schema.names()
    bronze.replace(pl.concat([others.select(names), at_home.select(names)]), where, untold(bronze, days))


def _judged(silver: LakeTable, bronze: LakeTable, good: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """These rows of bronze as JUDGED; `is_known` tells of an accepted one that silver had it, by a later message."""
    with pieces_of(bronze, list(days), batch_of(silver), added_fields(silver)) as pieces:
        found = [_with_copies(piece, good) for piece in pieces.judged()]
        refused = [piece.join(good, on=PLACE, how="semi") for piece in pieces.refused()]
    empty = JUDGED.to_frame().with_columns(is_known=pl.lit(None, pl.Boolean))
    return pl.concat([empty, *found, *refused], how="diagonal")


def _with_copies(piece: pl.DataFrame, good: pl.DataFrame) -> pl.DataFrame:
    """The good rows of a piece, which holds all messages of the same event."""
    mine, others = (piece.join(good, on=PLACE, how=how) for how in ("semi", "anti"))
    same = ["event_id", *BODY]
    copies = others.select(same).unique().with_columns(is_known=pl.lit(value=True))
    return mine.join(copies, on=same, how="left", nulls_equal=True).with_columns(
        pl.col("is_known").fill_null(value=False)
    )


def _months(bronze: LakeTable, days: Sequence[date]) -> list[int]:
    """The months of the archive with lines on these days, such as 201910."""
    where = f"{BRONZE_EVENTS.on_days(days)} AND source = '{ARCHIVE}'"
    return sorted(bronze.read(where, ["partition"])["partition"].unique())


def _release(lake: Lake, arrival_days: Sequence[date], good: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Remove the rows from quarantine that are in silver or duplicates; return all of them as judged.

    Conflicts stay, with their new reason. Before that, the months of the lines are recounted.
    """
    silver, bronze = lake.table(SILVER_EVENTS), lake.table(BRONZE_EVENTS)
    judged = _judged(silver, bronze, good, days)
    conflicts = quarantine_rows(judged.filter(outcome="quarantined"))
    recount_months(lake, _months(bronze, days), judged.filter(pl.col("outcome") != "quarantined"))

    def release() -> None:
        table = lake.table(SILVER_QUARANTINE)
        check_fence(lake, bronze.fence)
        kept = table.read(SILVER_QUARANTINE.on_days(arrival_days)).join(good, on=PLACE, how="anti")
        rows, progress = pl.concat([kept, conflicts]), untold(table, arrival_days)
        table.replace(rows, SILVER_QUARANTINE.on_days(arrival_days), progress)

    again_on_conflict(release)
    return judged
