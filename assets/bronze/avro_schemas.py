"""The Avro schemas of bronze's rows, kept in the table's properties, so a day can be rebuilt without a registry.

Add here: how a schema is kept. Not here: how a value is decoded (`events.avro_decoder`).
"""

from assets.events.avro_decoder import Schemas
from assets.tables import BRONZE_EVENTS
from resources.lake import OpenTables
from resources.lake_table import LakeTable

_PROPERTY = "salesinsights.avro.schema."


def schemas_of(bronze: LakeTable) -> dict[int, str]:
    """The schemas of bronze's rows, by number."""
    return {
        int(name.removeprefix(_PROPERTY)): text
        for name, text in bronze.properties.items()
        if name.startswith(_PROPERTY)
    }


def keep_schemas(tables: OpenTables, schemas: Schemas) -> None:
    """Store the schemas that bronze lacks. Call it before the first row that needs them is written."""
    kept = schemas_of(tables.table(BRONZE_EVENTS)) if schemas else {}
    missing = {f"{_PROPERTY}{number}": text for number, text in schemas.items() if number not in kept}
    if missing:
        tables.annotate(BRONZE_EVENTS, missing)
