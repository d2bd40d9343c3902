"""The tables as Dagster sees them: keys, lineage, groups, owners, schemas, freshness.

Add here: what holds for the assets as such. Not here: how they are made (`stream.stream_assets`, `customer_value`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import dagster as dg

from assets.events.contract import EARLIEST
from assets.tables import (
    ABANDONED_CARTS,
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    CLV_HOLDOUT,
    CLV_MODEL,
    COHORT_RETENTION,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    DAILY,
    FUNNEL_DAILY,
    PREDICTED,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    RESTATEMENTS,
    SESSIONS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    USER_DAYS,
    USER_FEATURES,
    VISITOR_TABLES,
)
from assets.tables.column_descriptions import COLUMN_DESCRIPTIONS
from resources.lake_table import TableLayout

OWNERS = ["team:data-platform"]


def days_from(first: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `first` to tomorrow, for clocks that run ahead."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=2)


DAYS = days_from(EARLIEST.date())
"""All days of which the contract takes events; `with_calendar` lets them begin later."""

MONTHS = dg.MonthlyPartitionsDefinition(start_date="2019-01-01", timezone="UTC", end_offset=2)
"""The months of the archive, up to the next one: tomorrow, which is one of DAYS, may be in it."""

FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=2), fail_window=timedelta(minutes=10))
"""For what every micro-batch writes."""

FRESH_CUSTOMERS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=1), fail_window=timedelta(hours=6))
"""For customer value, which follows on its own cadence and only after purchases."""

FRESH_MODELS = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=2), fail_window=timedelta(days=7))
"""For what is made once a day on which anybody bought."""

_ONCE_A_DAY = (CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE_DAYS)

_IN_THEIR_OWN_TIME = (CUSTOMER_VALUE, RESTATEMENTS, ABANDONED_CARTS, COHORT_RETENTION, *VISITOR_TABLES, *_ONCE_A_DAY)
"""The tables that no micro-batch writes. In Dagster they have no partitions: `visitor_assets` says why."""

_ALWAYS_MADE = (
    CUSTOMER_VALUE,
    RESTATEMENTS,
    ABANDONED_CARTS,
    COHORT_RETENTION,
    *VISITOR_TABLES,
    USER_FEATURES,
    BRONZE_ARCHIVE_MONTHS,
)
"""The tables that each run of their step makes; a step downstream of them goes on."""

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

_UPSTREAM: Mapping[str, Sequence[dg.AssetKey | dg.AssetDep]] = {
    BRONZE_ARCHIVE_MONTHS.name: [ARCHIVE_FILES.key],
    BRONZE_EVENTS.name: [SHOP_EVENTS.key],
    SILVER_EVENTS.name: [dg.AssetKey(["bronze", "events"])],
    SILVER_PURCHASES.name: [dg.AssetKey(["silver", "events"])],
    SILVER_QUARANTINE.name: [dg.AssetKey(["bronze", "events"])],
    SILVER_BATCHES.name: [dg.AssetKey(["bronze", "events"])],
    PRODUCT_SALES.name: [dg.AssetKey(["silver", "purchases"])],
    PRODUCT_SALES_DAILY.name: [dg.AssetKey(["silver", "purchases"])],
    CUSTOMER_DAYS.name: [dg.AssetKey(["silver", "purchases"])],
    CLV_MODEL.name: [dg.AssetKey(["gold", "customer_days"])],
    CLV_HOLDOUT.name: [dg.AssetKey(["gold", "customer_days"])],
    CUSTOMER_VALUE.name: [dg.AssetKey(["gold", "customer_days"]), dg.AssetKey(["gold", "clv_model"])],
    CUSTOMER_VALUE_DAYS.name: [dg.AssetKey(["gold", "customer_value"])],
    RESTATEMENTS.name: [dg.AssetKey(["gold", "product_sales"])],
    FUNNEL_DAILY.name: [dg.AssetKey(["silver", "events"])],
    USER_DAYS.name: [dg.AssetKey(["silver", "events"])],
    SESSIONS.name: [dg.AssetKey(["silver", "events"])],
    ABANDONED_CARTS.name: [dg.AssetKey(["silver", "events"])],
    COHORT_RETENTION.name: [dg.AssetKey(["gold", "user_days"])],
    USER_FEATURES.name: [dg.AssetKey(["gold", "user_days"])],
}

_OUT_OF_STEP = {
    BRONZE_EVENTS.name: dg.AssetDep(["bronze", "archive_months"], partition_mapping=dg.TimeWindowPartitionMapping())
}
"""What is upstream, and not read by the step: see `with_lineage`."""

_DERIVED = {
    "units": ("price",),
    "revenue": ("price",),
    "refunds": ("price",),
    "orders": ("user_id", "user_session", "event_time"),
    "buyers": ("user_id",),
    "window_start": ("event_time",),
    "window_end": ("event_time",),
    "event_date": ("event_time",),
    "first_order_at": ("event_time",),
    "last_order_at": ("event_time",),
    "updated_at": ("ingested_at",),
    **dict.fromkeys(("views", "carts", "removals", "purchases"), ("event_type",)),
    **{f"users_{what}": ("user_id", "event_type") for what in ("viewing", "carting", "buying")},
    **{f"sessions_{what}": ("user_session", "event_type") for what in ("viewing", "carting", "buying")},
    "sessions": ("user_session",),
    "products": ("product_id",),
    "first_event_at": ("event_time",),
    "last_event_at": ("event_time",),
    **dict.fromkeys(("started_at", "ended_at", "carted_at", "abandoned_at"), ("event_time",)),
    "outcome": ("event_type",),
    "quantity": ("event_type",),
    "cart_value": ("price", "event_type"),
}
"""For the columns of gold that are computed: the columns of silver/events that they are computed from."""

_RESTATED = {f"{age}_{name}": (name,) for age in ("old", "new") for name in ("units", "revenue", "refunds")}

_COHORT_DERIVED = {
    "cohort": ("event_date",),
    "month": ("event_date",),
    "months_since": ("event_date",),
    **dict.fromkeys(("cohort_users", "users", "retention"), ("user_id",)),
    "activity": ("views", "carts", "purchases"),
}

_PURCHASES, _VALUE = ("r", "alpha", "a", "b"), ("p", "q", "gamma")

_CUSTOMER_DERIVED = {
    "average_order_value": ("revenue", "orders"),
    "tenure_days": ("event_date",),
    "recency": ("event_date",),
    "frequency": ("event_date",),
    "monetary_value": ("revenue", "event_date"),
    "cohort": ("event_date",),
    "recency_score": ("event_date",),
    "frequency_score": ("event_date",),
    "monetary_score": ("revenue",),
    "segment": ("event_date",),
    "as_of": ("event_date",),
    **dict.fromkeys(PREDICTED, ("event_date", "revenue")),
    "customers": ("user_id",),
    **dict.fromkeys((*_PURCHASES, "holdout_purchases", "holdout_predicted", "actual", "predicted"), ("event_date",)),
    **dict.fromkeys(_VALUE, ("event_date", "revenue")),
}


def key_of(layout: TableLayout) -> dg.AssetKey:
    return _key(layout.name)


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def spec_of(layout: TableLayout) -> dg.AssetSpec:
    """The asset of one table, without its code."""
    layer = layout.name.split("/")[0]
    return dg.AssetSpec(
        key_of(layout),
        deps=_UPSTREAM[layout.name],
        description=layout.description,
        group_name=layer,
        kinds={"deltalake", "duckdb" if layer == "gold" or layout is SESSIONS else "polars"},
        owners=OWNERS,
        metadata=_metadata(layout),
        partitions_def=_partitions(layout),
        freshness_policy=_freshness(layout),
        skippable=layout not in _ALWAYS_MADE,
    )


DAYS_OF_BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=100)
"""Dagster plans each day of a run before it starts, and gives up on a run that takes a minute to start."""


def with_calendar(spec: dg.AssetSpec, first: date) -> dg.AssetSpec:
    """The spec with days that begin at `first`, for an asset that has days."""
    return spec.replace_attributes(partitions_def=days_from(first)) if spec.partitions_def == DAYS else spec


def with_lineage(made: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The same assets, whose lineage also has what is upstream of a table without being an input of its step.

    Dagster asks each input of a step for its version, and fails at one with partitions in a run without them: so would
    every run of the stream from the first loaded month on.
    """
    more = {spec.key: [dep for name, dep in _OUT_OF_STEP.items() if spec.key == _key(name)] for spec in made.specs}
    return dg.AssetsDefinition(
        keys_by_input_name=made.keys_by_input_name,
        keys_by_output_name=made.keys_by_output_name,
        node_def=made.op,
        can_subset=made.can_subset,
        specs=[spec.replace_attributes(deps=[*spec.deps, *more[spec.key]]) for spec in made.specs],
        check_specs_by_output_name=made.check_specs_by_output_name,
        backfill_policy=made.backfill_policy,
    )


def _partitions(layout: TableLayout) -> dg.PartitionsDefinition[str] | None:
    if not layout.partition_by or layout in _IN_THEIR_OWN_TIME:
        return None
    return MONTHS if layout is BRONZE_ARCHIVE_MONTHS else DAYS


def _freshness(layout: TableLayout) -> dg.FreshnessPolicy | None:
    """None for what is made when somebody asks for it: there is no time by which it should have been."""
    if layout in (BRONZE_ARCHIVE_MONTHS, USER_FEATURES):
        return None
    if layout in _ONCE_A_DAY:
        return FRESH_MODELS
    return FRESH_CUSTOMERS if layout in _IN_THEIR_OWN_TIME else FRESH


def _metadata(layout: TableLayout) -> dict[str, object]:
    types = layout.column_types()
    columns = [
        dg.TableColumn(name, kind, description=COLUMN_DESCRIPTIONS.get(name, "an optional field of the event"))
        for name, kind in types.items()
    ]
    return {
        "dagster/table_name": layout.name,
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/column_lineage": dg.TableColumnLineage(_lineage(layout)),
    }


def _lineage(layout: TableLayout) -> dict[str, list[dg.TableColumnDep]]:
    upstream = _UPSTREAM[layout.name][0]
    if layout in (BRONZE_EVENTS, BRONZE_ARCHIVE_MONTHS) or not isinstance(upstream, dg.AssetKey):
        return {}
    source, derived = _source(layout)
    found: dict[str, list[dg.TableColumnDep]] = {}
    for column in layout.schema:
        names = [name for name in derived.get(column, (column,)) if name in source.schema]
        if layout in (SILVER_EVENTS, SILVER_QUARANTINE) and not names:
            names = ["value"]
        if names:
            found[column] = [dg.TableColumnDep(upstream, name) for name in names]
    return found


def _source(layout: TableLayout) -> tuple[TableLayout, Mapping[str, tuple[str, ...]]]:
    if layout in (CUSTOMER_VALUE, CLV_MODEL, CLV_HOLDOUT):
        return CUSTOMER_DAYS, _CUSTOMER_DERIVED
    if layout is CUSTOMER_VALUE_DAYS:
        return CUSTOMER_VALUE, {}
    if layout is RESTATEMENTS:
        return PRODUCT_SALES, _RESTATED
    if layout is COHORT_RETENTION:
        return USER_DAYS, _COHORT_DERIVED
    if layout is USER_FEATURES:
        return USER_DAYS, {name: (name.rsplit("_", 1)[0],) for name in USER_FEATURES.schema if name.endswith("d")}
    if layout in DAILY:
        return SILVER_PURCHASES, _DERIVED
    if layout.name.startswith("gold/") or layout in (SESSIONS, SILVER_PURCHASES):
        return SILVER_EVENTS, _DERIVED
    return BRONZE_EVENTS, {}
