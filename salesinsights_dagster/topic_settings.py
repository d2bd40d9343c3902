"""The settings of the topics beside that of the events: which are published, and which is followed.

Add here: a setting that names a topic. Not here: other settings (`settings`), or what is in a topic (`assets.serving`).
"""

from pydantic import Field
from pydantic_settings import BaseSettings

from salesinsights_dagster import setting_types as kinds


class TopicSettings(BaseSettings):
    """The part of `Settings` that names topics for and from other systems."""

    model_config = kinds.FROM_ENVIRONMENT

    sales_topic: kinds.TopicOrOff = Field(
        "shop.product-sales",
        description="the topic to which changed rows of product_sales are published; `off` for none; see "
        "[serving](serving.md)",
    )
    audience_topic: kinds.TopicOrOff = Field(
        "shop.audiences",
        description="the topic to which is published who joins and who leaves an [audience](audiences.md); `off` "
        "for none",
    )
    carts_topic: kinds.TopicOrOff = Field(
        "shop.left-carts",
        description="the topic to which [left carts](customers.md#shopleft-carts) are published, with the money at "
        "risk; `off` for none",
    )
    recovered_topic: kinds.TopicOrOff = Field(
        "shop.recovered-carts",
        description="the topic to which [recovered carts](customers.md#shopleft-carts) are published; `off` for none",
    )
    catalog_topic: kinds.TopicOrOff = Field(
        None,
        description="a compacted topic with names, costs and stock of the shop's "
        "[products](products.md#a-topic-instead-of-files), which the stream reads into the catalogue",
    )
