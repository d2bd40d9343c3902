"""Where the data sets of this installation are, as OpenLineage names them, and who is told of them.

Add here: the place of a data set. Not here: what is told of it (`assets.serving.openlineage_events`).
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import dagster as dg

from assets.serving.openlineage_events import Catalogue, Place
from assets.serving.table_topic import TableTopic
from assets.tables import TABLES
from assets.tables.asset_specs import ARCHIVE_FILES, SHOP_EVENTS, key_of
from resources.lineage_receiver import LineageReceiver
from salesinsights_dagster.settings import Settings
from sensors.openlineage_sensor import Lineage


def lineage_of(settings: Settings, url: str, specs: Iterable[dg.AssetSpec], replicas: Iterable[object]) -> Lineage:
    """Whoever is at `url`, and what they are told of: these assets, as far as they have a place."""
    by_key = {spec.key: spec for spec in specs}
    places = {**_outside(settings, replicas), **_tables(settings.lake)}
    known = {key: place for key, place in places.items() if key in by_key}
    return Lineage(
        Catalogue(settings.openlineage_namespace, known, by_key), LineageReceiver(url, settings.openlineage_key)
    )


def _tables(root: str) -> Mapping[dg.AssetKey, Place]:
    store, separator, rest = root.partition("://")
    bucket, _, prefix = rest.partition("/")
    namespace, folder = (f"{store}://{bucket}", prefix) if separator else ("file", root)
    names = {key_of(table): "/".join(filter(None, [folder.rstrip("/"), table.name])) for table in TABLES.values()}
    return {key: Place(namespace, name) for key, name in names.items()}


def _outside(settings: Settings, replicas: Iterable[object]) -> Mapping[dg.AssetKey, Place]:
    """Topics, the archive folder, the file and the database for BI tools."""
    kafka = f"kafka://{(settings.kafka_bootstrap_servers or 'localhost').split(',')[0].strip()}"
    found = {
        SHOP_EVENTS.key: Place(kafka, settings.topic),
        ARCHIVE_FILES.key: Place("file", str(settings.archive_folder)),
        dg.AssetKey(["serving", "duckdb"]): Place("file", str(settings.serving_file)),
    }
    found |= {topic.spec.key: Place(kafka, topic.name) for topic in replicas if isinstance(topic, TableTopic)}
    if settings.postgres:
        database = urlsplit(settings.postgres)
        server = f"postgres://{database.hostname}:{database.port or 5432}"
        found[dg.AssetKey(["serving", "postgres"])] = Place(server, f"{database.path.strip('/')}.salesinsights")
    return found
