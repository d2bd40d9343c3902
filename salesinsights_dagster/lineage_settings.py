"""The settings of lineage: who is told which table was made from which.

Add here: a setting of what is sent by OpenLineage. Not here: other settings (`settings`), or what is sent
(`assets.serving.openlineage_events`).
"""

from pydantic import Field
from pydantic_settings import BaseSettings

from salesinsights_dagster import setting_types as kinds


class LineageSettings(BaseSettings):
    """The part of `Settings` that says who is told of lineage."""

    model_config = kinds.FROM_ENVIRONMENT

    openlineage_url: kinds.WebAddress | None = Field(
        None,
        repr=False,
        description="who is told by [OpenLineage](serving.md#openlineage) what each run has made: the address below "
        "which is `api/v1/lineage`, such as `http://marquez:5000`, with the extra `salesinsights[openlineage]`. With "
        "none, nobody",
    )
    openlineage_key: str | None = Field(
        None, repr=False, description="the key that is sent to it, as `Authorization: Bearer …`"
    )
    openlineage_namespace: str = Field(
        "salesinsights", description="the namespace of the jobs in it; give each of several installations its own"
    )
