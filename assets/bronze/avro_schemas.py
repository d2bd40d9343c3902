"""The Avro schemas of bronze's rows, kept in the properties of the table: a day can be rebuilt without a registry.

Add here: how a schema is kept. Not here: how a value is read by it (`events.avro_decoder`).
"""

from assets.events.avro_decoder import Schemas
from assets.tables import BRONZE_EVENTS
from resources.lake import OpenTables
from resources.lake_table import LakeTable

_PROPERTY = "salesinsights.avro.schema."


def schemas_of(bronze: LakeTable) -> dict[int, str]:
    """The schemas by which rows of bronze were written."""
    return {
        int(name.removeprefix(_PROPERTY)): text
        for name, text in bronze.properties.items()
        if name.startswith(_PROPERTY)
    }


def keep_schemas(tables: OpenTables, schemas: Schemas) -> None:
    """Keep these schemas with bronze, those that it lacks: before the first row that needs them."""
    kept = schemas_of(tables.table(BRONZE_EVENTS)) if schemas else {}
    missing = {f"{_PROPERTY}{number}": text for number, text in schemas.items() if number not in kept}
    if missing:
        tables.annotate(BRONZE_EVENTS, missing)
