"""The tables as Dagster sees them: keys, lineage, groups, owners, schemas, freshness.

Add here: what holds for the assets as such. Not here: how they are made (`stream.stream_assets`, `customer_value`).
"""

from datetime import date, timedelta

import dagster as dg

from assets.events.contract import EARLIEST
from assets.tables import BRONZE_EVENTS, TABLES
from assets.tables.table import Cadence, Table
from resources.table_layout import TableLayout

OWNERS = ["team:data-platform"]


def days_from(first: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `first` to tomorrow, for clocks that run ahead."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=2)


DAYS = days_from(EARLIEST.date())
"""All days of which the contract takes events; `with_calendar` lets them begin later."""

MONTHS = dg.MonthlyPartitionsDefinition(start_date=EARLIEST.date().isoformat(), timezone="UTC", end_offset=2)
"""The months of the archive, up to the next one: tomorrow, which is one of DAYS, may be in it."""

FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=2), fail_window=timedelta(minutes=10))
"""For what every micro-batch writes."""

FRESH_CUSTOMERS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=1), fail_window=timedelta(hours=6))
"""For customer value, which follows on its own cadence and only after purchases."""

FRESH_MODELS = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=2), fail_window=timedelta(days=7))
"""For what is made once a day on which anybody bought."""

_FRESHNESS = {
    Cadence.STREAM: FRESH,
    Cadence.MINUTES: FRESH_CUSTOMERS,
    Cadence.HOURLY: FRESH_CUSTOMERS,
    Cadence.DAILY: FRESH_MODELS,
}
"""What is made on request is never late."""

_WITH_PARTITIONS = {Cadence.STREAM, Cadence.ARCHIVE, Cadence.ON_REQUEST}
"""The others are updated as a whole: `visitor_assets` says why."""

SHOP_EVENTS = dg.AssetSpec(
    ["kafka", "shop_events"],
    description="The shop's event log: a Kafka topic, keyed by user. The shop writes it, and `salesinsights produce`.",
    group_name="sources",
    kinds={"kafka"},
    owners=OWNERS,
)

ARCHIVE_FILES = dg.AssetSpec(
    ["archive", "files"],
    description="The archive folder: a file of events a month, such as `2019-Oct.csv`.",
    group_name="sources",
    kinds={"csv", "parquet"},
    owners=OWNERS,
)

RARE = [dg.AssetKey(["gold", name]) for name in ("clv_model", "clv_holdout", "customer_value_days")]
"""What most runs of its step leave out. Dagster skips a step that has such an input, though the last one stands."""

_OUT_OF_STEP = {
    BRONZE_EVENTS.name: [dg.AssetDep(["bronze", "archive_months"], partition_mapping=dg.TimeWindowPartitionMapping())],
    "serving/duckdb": list(map(dg.AssetDep, RARE)),
}
"""What is upstream, and not read by the step: see `with_lineage`."""


def key_of(table: TableLayout) -> dg.AssetKey:
    return _key(table.name)


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def spec_of(table: Table) -> dg.AssetSpec:
    """The asset of one table, without its code."""
    return dg.AssetSpec(
        key_of(table),
        deps=list(map(_key, table.made_from)),
        description=table.description,
        group_name=table.layer,
        kinds={"deltalake", table.engine},
        owners=OWNERS,
        metadata=_metadata(table),
        partitions_def=_partitions(table),
        freshness_policy=_FRESHNESS.get(table.cadence),
        # Nothing downstream runs after a run in which the stream, or the models, had nothing to do.
        skippable=table.cadence in (Cadence.STREAM, Cadence.DAILY),
    )


DAYS_OF_BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=100)
"""Dagster plans each day of a run before it starts, and gives up on a run that takes a minute to start."""


def with_calendar(spec: dg.AssetSpec, first: date) -> dg.AssetSpec:
    """The spec with days that begin at `first`, for an asset that has days."""
    return spec.replace_attributes(partitions_def=days_from(first)) if spec.partitions_def == DAYS else spec


def with_lineage(made: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The same assets, whose lineage also has what is upstream of a table without being an input of its step.

    Dagster asks each input of a step for its version, and fails at one with partitions in a run without them: so would
    every run of the stream from the first loaded month on. It skips a step of which an input was not made in the run.
    """
    more = {spec.key: _OUT_OF_STEP.get(spec.key.to_user_string(), []) for spec in made.specs}
    return dg.AssetsDefinition(
        keys_by_input_name=made.keys_by_input_name,
        keys_by_output_name=made.keys_by_output_name,
        node_def=made.op,
        can_subset=made.can_subset,
        specs=[spec.replace_attributes(deps=[*spec.deps, *more[spec.key]]) for spec in made.specs],
        check_specs_by_output_name=made.check_specs_by_output_name,
        backfill_policy=made.backfill_policy,
    )


def _partitions(table: Table) -> dg.PartitionsDefinition[str] | None:
    if not table.partition_by or table.cadence not in _WITH_PARTITIONS:
        return None
    return MONTHS if table.cadence is Cadence.ARCHIVE else DAYS


def _metadata(table: Table) -> dict[str, object]:
    columns = [
        dg.TableColumn(name, kind, description=table.describe(name)) for name, kind in table.column_types().items()
    ]
    constraints = dg.TableConstraints([f"one row per {', '.join(table.key)}"] if table.key else [])
    return {
        "dagster/table_name": table.name,
        "dagster/column_schema": dg.TableSchema(columns, constraints),
        "dagster/column_lineage": dg.TableColumnLineage(_lineage(table)),
    }


def _lineage(table: Table) -> dict[str, list[dg.TableColumnDep]]:
    """The columns of the table's first source that each column is computed from, where that source is a table too."""
    source = next((one for one in TABLES.values() if one.name in table.made_from[:1]), None)
    if source is None:
        return {}
    found = {
        column: [name for name in table.lineage.get(column, (column,)) if name in source.schema]
        for column in table.schema
    }
    return {
        column: [dg.TableColumnDep(key_of(source), name) for name in names] for column, names in found.items() if names
    }
