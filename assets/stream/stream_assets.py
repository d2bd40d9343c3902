"""The daily assets, one step: the stream makes the days that batches touch, a backfill the days that it is asked for.

Add here: what Dagster is told about a run. Not here: what a run does (`micro_batch`, and the module of each table).
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import dagster as dg

from assets.bronze.bronze import next_offsets
from assets.gold.gold import rebuild_gold, whole_batches
from assets.gold.restatements import look_in_time
from assets.progress.changed_days import changed_days, rows_per_day
from assets.progress.rebuild_marks import finishing
from assets.progress.untold_days import UntoldDays, untold_days
from assets.runs.last_results import Happened, with_last_results
from assets.runs.launched_by_hand import is_by_hand
from assets.runs.run_process import note_process
from assets.runs.verdict import Verdict
from assets.silver.purchases import rebuild_purchases
from assets.silver.silver import rebuild_silver
from assets.silver.spans import in_whole_windows, spans_of_days, within
from assets.stream import checks
from assets.stream.compaction import compact
from assets.stream.day_pictures import DayPictures
from assets.stream.day_tables import DAY_TABLES
from assets.stream.live_run import LIVE, Life, LiveRun, Report
from assets.stream.live_stream import LiveStream
from assets.stream.micro_batch import micro_batches, open_stream
from assets.stream.quarantine_replay import replay
from assets.stream.replicas import Replica, catch_up
from assets.stream.run_summary import RunSummary
from assets.tables import (
    BRONZE_EVENTS,
    DAILY,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.tables.asset_specs import DAYS_OF_BACKFILL, key_of, spec_of, with_lineage
from resources.engine import Engine
from resources.kafka_reader import KafkaReader
from resources.lake import Lake, OpenTables, Tables
from resources.lake_errors import FencedOffError, LakeError, ProgressMovedError
from resources.schema_registry import SchemaRegistry
from resources.table_layout import TableLayout

DAYS_OF_STREAM = (BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE, *DAILY)
STREAMED = (*DAYS_OF_STREAM, SILVER_BATCHES)

_UPSTREAM = {
    SILVER_EVENTS.name: BRONZE_EVENTS,
    SILVER_PURCHASES.name: SILVER_EVENTS,
    **{layout.name: SILVER_PURCHASES for layout in DAILY},
}

CHECKED_DAYS, CHECKED_BATCHES = 3, 10_000
"""How far back a check looks if it is executed alone."""

PICTURED_DAYS = 3
"""How many of a run's newest days get a picture."""

LAST_BATCH = "last_batch"
"""The metadata name of the last batch that Dagster knows of."""

CHECKS = {
    "offsets_contiguous": (BRONZE_EVENTS, checks.offsets_contiguous),
    "consumer_lag": (BRONZE_EVENTS, checks.consumer_lag),
    "messages_accounted_for": (SILVER_BATCHES, checks.messages_accounted_for),
    "no_duplicate_events": (SILVER_EVENTS, checks.no_duplicate_events),
    "event_time_lag": (SILVER_EVENTS, checks.event_time_lag),
    "revenue_matches_silver": (PRODUCT_SALES, checks.revenue_matches_silver),
    "payment_to_gold_seconds": (PRODUCT_SALES, checks.payment_to_gold),
}
"""Each check: the table it belongs to, and the function whose docstring explains it."""


@dataclass(frozen=True)
class Stream:
    """What a run needs besides the lake: the topic and its schemas, the time, sizes, replicas, how long it stays."""

    open_reader: Callable[[], KafkaReader]
    clock: Callable[[], datetime]
    batch_rows: int
    window_seconds: int
    replicas: Sequence[Replica] = ()
    life: Life | None = None
    open_registry: Callable[[], SchemaRegistry | None] = lambda: None
    engine: Engine | None = None
    """Where days of silver are judged that are rebuilt, and many days proven; None: in the run itself."""


@with_lineage
@dg.multi_asset(
    name="micro_batch",
    specs=[spec_of(layout) for layout in STREAMED],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key_of(layout), description=inspect.getdoc(function))
        for name, (layout, function) in CHECKS.items()
    ],
    can_subset=True,
    backfill_policy=DAYS_OF_BACKFILL,
)
def micro_batch(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], stream: dg.ResourceParam[Stream]
) -> Iterator[Happened]:
    """Without partitions: the stream. With partitions: rebuild those days from bronze.

    Checks alone, as the UI can ask for them, are made of what the newest days hold; a check of a run's own figures
    (its latency, its lag) has nothing to look at then, and keeps its last result.
    """
    yield from with_last_results(context, _happened(context, lake, stream))


def _happened(context: dg.AssetExecutionContext, lake: Lake, stream: Stream) -> Iterator[Happened]:
    if context.selected_asset_keys:
        _look_in_time(context, lake, stream)
    if context.has_partition_key or context.has_partition_key_range:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        selected = [layout for layout in DAYS_OF_STREAM if key_of(layout) in context.selected_asset_keys]
        yield from _rebuild(context, lake, stream, days, selected)
    elif not context.selected_asset_keys:
        yield from _rebuilt_checks(context, lake, _newest_days(lake))
    else:
        yield from _stream(context, lake, stream)
    if key_of(SILVER_BATCHES) in context.selected_asset_keys and is_by_hand(context):
        yield from _ledger(context, lake)


def _look_in_time(context: dg.AssetExecutionContext, lake: Lake, stream: Stream) -> None:
    """Before gold changes, look for restatements if the last look is old. No sale waits for a ledger that is broken."""
    try:
        look_in_time(lake, stream.clock())
    except LakeError as error:
        context.log.warning(f"{error}. The next look for restatements may not know what changed until then")


def _ledger(context: dg.AssetExecutionContext, lake: Lake) -> Iterator[dg.AssetMaterialization]:
    """The ledger unchanged, if somebody asked for it by hand and no batch has come: every button gets an answer."""
    newest = context.instance.get_latest_materialization_event(key_of(SILVER_BATCHES))
    if newest is None or newest.run_id != context.run.run_id:
        known = newest.asset_materialization.metadata if newest and newest.asset_materialization else {}
        metadata = {**known, "dagster/row_count": lake.table(SILVER_BATCHES).rows}
        yield dg.AssetMaterialization(key_of(SILVER_BATCHES), metadata=metadata)


def _stream(context: dg.AssetExecutionContext, lake: Lake, stream: Stream) -> Iterator[Happened]:
    note_process(context)
    reader, summary = stream.open_reader(), RunSummary()
    if stream.life and LIVE in context.run.tags:

        def open_live() -> LiveStream:
            return LiveStream(open_stream(lake), reader, stream.clock, stream.batch_rows, stream.window_seconds)

        tell = partial(_report, context, reader, stream, DayPictures(stream.clock))
        yield from LiveRun(context, open_live, stream.life, tell, partial(_tended, context, stream, lake)).happened()
        return
    tables = open_stream(lake)
    try:
        for receipt in micro_batches(tables, reader, stream.clock, stream.batch_rows, stream.window_seconds):
            summary.add(receipt)
            context.log.info(receipt.line)
    except ProgressMovedError as other:
        context.log.info(f"{other}; this run does nothing more")
        return
    try:
        report = _report(context, reader, stream, DayPictures(stream.clock), tables, summary)
        yield from report.happened
        report.then()
        yield from _tended(context, stream, lake, summary)
    except FencedOffError as fence:
        context.log.info(f"{fence}; the next run reports the days and updates the replicas")


def _report(
    context: dg.AssetExecutionContext,
    reader: KafkaReader,
    stream: Stream,
    pictures: DayPictures,
    tables: OpenTables,
    summary: RunSummary,
) -> Report:
    """The days that changed since the last report, whoever changed them, and the checks of these batches."""
    tables.refresh(DAY_TABLES)
    told, last = told_batch(context.instance), whole_batches(tables)
    batches = changed_days(tables, told if told <= last else 0, last) if told != last else {}
    untold = untold_days(tables.lake, stream.clock().date(), tables)
    materialized = _materializations(tables, summary, _in_all(batches, untold), last, pictures)
    checked = _check_results(tables, reader, stream, summary) if summary.batches else ()
    return Report([*materialized, *checked], untold.told)


def _tended(
    context: dg.AssetExecutionContext, stream: Stream, lake: Lake, summary: RunSummary
) -> Iterator[dg.AssetMaterialization]:
    """Merge small files after some batches, and update the replicas.

    Raises ReplicaError at the end if a replica could not be updated.
    """
    if summary.batches:
        context.log.info(f"compaction saved {compact(lake)} files")
    yield from catch_up(stream.replicas, lake, stream.clock())


def told_batch(instance: dg.DagsterInstance) -> int:
    """The last batch whose days Dagster has as materializations, 0 before the first.

    A run that was killed after its commits has reported nothing, and `salesinsights ingest` never does: the next run
    reports their days.
    """
    newest = instance.get_latest_materialization_event(key_of(SILVER_BATCHES))
    found = newest.asset_materialization.metadata.get(LAST_BATCH) if newest and newest.asset_materialization else None
    return found.value if isinstance(found, dg.IntMetadataValue) and found.value else 0


def _in_all(batches: Mapping[str, Mapping[date, int]], untold: UntoldDays) -> dict[str, dict[date, int]]:
    """Per table, the days that batches or anything else changed, with their rows; empty if there are none."""
    found = [batches, untold.rows()]
    names = [layout.name for layout in DAYS_OF_STREAM]
    days = {name: {day: rows for some in found for day, rows in some.get(name, {}).items()} for name in names}
    return {name: dict(sorted(rows.items())) for name, rows in days.items()} if any(found) else {}


def _materializations(
    tables: Tables, summary: RunSummary, changed: Mapping[str, Mapping[date, int]], last: int, pictures: DayPictures
) -> Iterator[dg.AssetMaterialization]:
    """The changed days, and at the end the ledger, with the number of the last reported batch."""
    if not changed:
        return
    figures = summary.figures()
    pictured = sorted(changed[PRODUCT_SALES.name])[-PICTURED_DAYS:]
    for layout in DAYS_OF_STREAM:
        for day, rows in changed[layout.name].items():
            is_pictured = layout is PRODUCT_SALES and day in pictured
            picture = pictures.of(tables.table(PRODUCT_SALES_DAILY), day) if is_pictured else {}
            metadata = {**figures, "dagster/row_count": rows, **picture}
            yield dg.AssetMaterialization(key_of(layout), metadata=metadata, partition=day.isoformat())
    metadata = {**figures, "dagster/row_count": tables.table(SILVER_BATCHES).rows, LAST_BATCH: last}
    yield dg.AssetMaterialization(key_of(SILVER_BATCHES), metadata=metadata)


def _check_results(
    tables: Tables, reader: KafkaReader, stream: Stream, summary: RunSummary
) -> Iterator[dg.AssetCheckEvaluation]:
    state = reader.state()
    unread = next_offsets(tables.table(BRONZE_EVENTS), reader.topic, state)
    behind = {partition: state.end[partition] - at for partition, at in unread.items()}
    verdicts: Mapping[str, Callable[[], Verdict]] = {
        "offsets_contiguous": lambda: checks.offsets_contiguous(tables, summary.batches),
        "consumer_lag": lambda: checks.consumer_lag(behind, summary.outcomes["messages"]),
        "messages_accounted_for": lambda: checks.messages_accounted_for(tables, summary.batches),
        "no_duplicate_events": lambda: checks.no_duplicate_events(tables, within(summary.spans, "event_time")),
        "event_time_lag": lambda: checks.event_time_lag(summary.newest_event, stream.clock()),
        "revenue_matches_silver": lambda: checks.revenue_matches_silver(
            tables, in_whole_windows(summary.spans, stream.window_seconds)
        ),
        "payment_to_gold_seconds": lambda: checks.payment_to_gold(summary.latency),
    }
    return (_check_result(name, verdict()) for name, verdict in verdicts.items())


def _check_result(name: str, verdict: Verdict) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        passed=verdict.passed,
        asset_key=key_of(CHECKS[name][0]),
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN if verdict.is_warning else dg.AssetCheckSeverity.ERROR,
        metadata=verdict.figures,
    )


def _rebuild(
    context: dg.AssetExecutionContext, lake: Lake, stream: Stream, days: Sequence[date], selected: Iterable[TableLayout]
) -> Iterator[Happened]:
    layouts = list(selected)
    # Gold of all tables follows its silver here; otherwise the next run of the stream brings the days to gold.
    is_whole = {SILVER_EVENTS.name, *(layout.name for layout in DAILY)} <= {layout.name for layout in layouts}
    with finishing(lake, days if is_whole else (), rebuilds=1):
        yield from _rebuild_tables(context, lake, stream, days, layouts)
    yield from _others(lake, stream.clock().date(), layouts, days)
    yield from _rebuilt_checks(context, lake, list(days))


def _others(
    lake: Lake, today: date, layouts: Sequence[TableLayout], days: Sequence[date]
) -> Iterator[dg.AssetMaterialization]:
    """What changed besides these days of these tables, such as the days whose refused rows were won back.

    Without quarantine, only on these days: others belong to another run, which may be about to tell of them.
    """
    untold = untold_days(lake, today, only=None if SILVER_QUARANTINE in layouts else days)
    found = untold.rows()
    for layout in DAYS_OF_STREAM:
        known = set(days) if layout in layouts else set()
        for day, rows in found.get(layout.name, {}).items():
            if day not in known:
                yield dg.AssetMaterialization(
                    key_of(layout), metadata={"dagster/row_count": rows}, partition=day.isoformat()
                )
    untold.told()


def _rebuild_tables(
    context: dg.AssetExecutionContext, lake: Lake, stream: Stream, days: Sequence[date], layouts: Iterable[TableLayout]
) -> Iterator[dg.MaterializeResult]:
    for layout in layouts:
        make, upstream = _maker(layout, lake, stream), _UPSTREAM.get(layout.name, layout)
        filled = rows_per_day(lake.table(layout)).keys() | rows_per_day(lake.table(upstream)).keys()
        wanted = [day for day in days if day in filled]
        # An engine has several machines; alone, one day after the other shows earlier what is done.
        for some in [wanted] if stream.engine and layout is SILVER_EVENTS and wanted else [[day] for day in wanted]:
            make(some)
        rows = rows_per_day(lake.table(layout))
        for day in days:
            counted = {"dagster/row_count": rows.get(day, 0)}
            context.add_asset_metadata(counted, key_of(layout), partition_key=day.isoformat())
        # A result, not an event: without one, Dagster skips what is made of this table in the same run.
        yield dg.MaterializeResult(key_of(layout))
        empty = sum(day not in rows for day in days)
        context.log.info(f"{layout.name}: {len(days)} days, {empty} of them empty")


def _maker(layout: TableLayout, lake: Lake, stream: Stream) -> Callable[[list[date]], object]:
    """What rebuilds days of a table: nothing for bronze, which is the source; quarantine judges its rows again."""
    if layout is SILVER_EVENTS:
        return lambda days: rebuild_silver(lake, days, stream.engine)
    if layout is SILVER_PURCHASES:
        return lambda days: rebuild_purchases(lake, days)
    if layout is SILVER_QUARANTINE:
        return lambda days: replay(lake, days, stream.window_seconds, stream.open_registry())
    if layout in DAILY:
        return lambda days: rebuild_gold(lake, [layout], days, stream.window_seconds)
    return lambda days: None


def _newest_days(lake: Lake) -> list[date]:
    return sorted(rows_per_day(lake.table(SILVER_EVENTS)))[-CHECKED_DAYS:]


def _rebuilt_checks(
    context: dg.AssetExecutionContext, lake: Lake, days: list[date]
) -> Iterator[dg.AssetCheckEvaluation]:
    if not days:
        return iter(())
    verdicts = {
        "offsets_contiguous": lambda: checks.offsets_contiguous(lake, CHECKED_BATCHES),
        "messages_accounted_for": lambda: checks.messages_accounted_for(lake, CHECKED_BATCHES),
        "no_duplicate_events": lambda: checks.no_duplicate_events(lake, SILVER_EVENTS.on_days(days)),
        "revenue_matches_silver": lambda: checks.revenue_matches_silver(lake, spans_of_days(days)),
    }
    wanted = {key.name for key in context.selected_asset_check_keys}
    return (_check_result(name, verdict()) for name, verdict in verdicts.items() if name in wanted)
