"""The code location: what Dagster loads.

Add here: a policy over all assets, or a resource. Not here: an asset, a sensor, or the environment.
"""

import platform
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from assets.archive.archive_asset import Archive, archive_months
from assets.customers.audience_asset import audience_members
from assets.customers.customer_assets import CUSTOMER_ASSETS, customer_value, sales_outlook, segments
from assets.gold.restatements_asset import restatements
from assets.gold.targets import TargetFile
from assets.intake.input_folder import Inbox, InputFolder
from assets.products.product_assets import bought_together, category_sales_daily, product_outlook, repurchases
from assets.runs.clock import Clock
from assets.runs.workers import Workers
from assets.serving.audience_topic import AudienceTopic
from assets.serving.cart_topic import CartTopic, RecoveredTopic
from assets.serving.catalog_topic import CatalogTopic
from assets.serving.duckdb_file import ServingFile, serving
from assets.serving.postgres_replica import PostgresReplica
from assets.serving.sales_topic import SalesTopic
from assets.serving.table_topic import TableTopic
from assets.stream.live_run import Life
from assets.stream.replicas import Replica
from assets.stream.stream_assets import Stream, micro_batch
from assets.tables import (
    ABANDONED_CARTS,
    CATALOG,
    EXPECTED_SALES,
    RECOVERED_CARTS,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTS,
)
from assets.tables.asset_specs import ARCHIVE_FILES, SHOP_EVENTS, key_of, spec_of, with_calendar
from assets.upkeep.proof_checks import proof
from assets.upkeep.upkeep_assets import lake_files, run_history
from assets.visitors.user_features import user_features
from assets.visitors.visitor_assets import abandoned_carts, cohort_retention, visitor_tables
from resources.engine import engine_of
from resources.lake import Lake
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.extras import need_package
from salesinsights_dagster.settings import Settings, load_settings
from salesinsights_dagster.topic import open_reader, registry_of, utc_now
from sensors.alert_sensor import alert_sensor
from sensors.customer_automation import customer_automation, with_cadence
from sensors.digest_schedule import DIGEST, DigestPost, digest_schedule
from sensors.input_sensor import input_sensor
from sensors.jobs import ARCHIVE, CUSTOMERS, PROOF, PUBLISH, STREAM, UPKEEP
from sensors.kafka_sensor import build_kafka_sensor
from sensors.notices import Pager
from sensors.sales_alarm_sensor import SalesWatch, sales_alarm_sensor
from sensors.upkeep_schedule import proof_schedule, upkeep_schedule

MADE = (
    *(archive_months, micro_batch),
    *(visitor_tables, abandoned_carts, cohort_retention, user_features),
    *(customer_value, segments, sales_outlook, audience_members),
    *(category_sales_daily, product_outlook, bought_together, repurchases),
    *(restatements, serving),
    *(lake_files, run_history, proof),
)
"""The assets with the code that makes them."""

ALARMS = (alert_sensor, sales_alarm_sensor)


def build_definitions(settings: Settings, archive: Archive | None = None) -> dg.Definitions:
    """Everything that Dagster loads for these settings; pass an `archive` to follow its progress."""
    assets = _assets(settings)
    sensors = [build_kafka_sensor(settings.poll_seconds), input_sensor, customer_automation, *ALARMS]
    return dg.Definitions(
        assets=assets,
        jobs=[STREAM, ARCHIVE, CUSTOMERS, PUBLISH, UPKEEP, PROOF, DIGEST],
        sensors=[*sensors, *lineage_sensors(settings, assets)],
        schedules=[upkeep_schedule, proof_schedule, digest_schedule],
        resources={
            "lake": Lake(settings.lake),
            "stream": stream_of(settings),
            "inbox": inbox_of(settings),
            "clock": Clock(utc_now),
            "workers": Workers(engine_of(settings.engine)),
            "archive": archive or archive_of(settings),
            "pager": Pager.to(settings.alert_webhook),
            "digest_post": DigestPost(settings.mail, settings.dashboard_url),
            "sales_watch": SalesWatch(TargetFile(settings.home / "targets.toml"), settings.dashboard_url),
            "clv_options": settings.clv,
            "segment_rules": settings.segment_rules,
            "cart_rule": settings.carts,
            "audience_file": settings.audiences,
            "serving_file": ServingFile(settings.serving_file),
        },
        executor=dg.in_process_executor,
    )


def _assets(settings: Settings) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    return [
        *(SHOP_EVENTS, ARCHIVE_FILES),
        *([] if settings.catalog_topic else [spec_of(CATALOG)]),
        *(
            made.map_asset_specs(
                lambda spec: with_calendar(with_cadence(_with_settings(spec, settings)), settings.first_day)
            )
            for made in MADE
        ),
        *(replica.spec for replica in replicas_of(settings)),
    ]


def lineage_sensors(
    settings: Settings, assets: Sequence[dg.AssetSpec | dg.AssetsDefinition]
) -> list[dg.SensorDefinition]:
    """The sensor that tells of lineage, if these settings name somebody to tell.

    Raises MissingExtraError if OpenLineage's package is not installed.
    """
    if settings.openlineage_url is None:
        return []
    need_package("openlineage", "SALESINSIGHTS_OPENLINEAGE_URL", "openlineage")
    from salesinsights_dagster.lineage_wiring import lineage_of
    from sensors.openlineage_sensor import build_openlineage_sensor

    specs = [spec for one in assets for spec in ([one] if isinstance(one, dg.AssetSpec) else one.specs)]
    lineage = lineage_of(settings, settings.openlineage_url, specs, replicas_of(settings))
    return [build_openlineage_sensor(lineage)]


def _with_settings(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    """The spec with the settings that its rows depend on as its code version: a changed one makes it due."""
    if spec.key in map(key_of, (ABANDONED_CARTS, RECOVERED_CARTS)):
        return spec.replace_attributes(code_version=str(settings.carts))
    if spec.key in map(key_of, (*CUSTOMER_ASSETS, SEGMENTS, SEGMENT_MOVES, EXPECTED_SALES, SALES_BACKTEST)):
        return spec.replace_attributes(code_version=f"{settings.clv} {settings.segment_rules.fingerprint:x}")
    return spec


def stream_of(settings: Settings) -> Stream:
    """The stream of these settings. It looks for Kafka when it opens a reader: the location loads without Kafka."""
    return Stream(
        open_reader=lambda: open_reader(settings),
        clock=utc_now,
        batch_rows=settings.batch_rows,
        window_seconds=settings.window_seconds,
        replicas=replicas_of(settings),
        life=life_of(settings),
        open_registry=lambda: registry_of(settings),
        engine=engine_of(settings.engine),
    )


def life_of(settings: Settings) -> Life | None:
    """How long a run of the stream stays; None if each reads one backlog and ends."""
    lives, idles = timedelta(minutes=settings.stream_minutes), timedelta(minutes=settings.stream_idle_minutes)
    return Life(lives, idles) if lives else None


def replicas_of(settings: Settings) -> list[Replica]:
    """The replicas of gold that these settings name, and the catalogue's topic, which is followed like one."""
    topics: dict[type[TableTopic], str | None] = {
        SalesTopic: settings.sales_topic,
        AudienceTopic: settings.audience_topic,
        CartTopic: settings.carts_topic,
        RecoveredTopic: settings.recovered_topic,
    }
    found: list[Replica] = [
        kind(name, lambda: find_kafka(settings), platform.node()) for kind, name in topics.items() if name
    ]
    if settings.catalog_topic:
        found.append(CatalogTopic(lambda: open_reader(settings).of(str(settings.catalog_topic))))
    if settings.postgres:
        found.append(PostgresReplica(settings.postgres))
    return found


def inbox_of(settings: Settings) -> Inbox:
    """The watched folder of these settings."""
    return Inbox(InputFolder(settings.input_folder), settings.topic, lambda: find_kafka(settings), utc_now)


def archive_of(settings: Settings) -> Archive:
    """The folder of month files of these settings."""
    return Archive(settings.archive_folder, utc_now, settings.window_seconds, engine=engine_of(settings.engine))


@dg.definitions
def defs() -> dg.Definitions:
    """Loaded by workspace.yaml."""
    return build_definitions(load_settings())
