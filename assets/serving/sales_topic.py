"""Product sales back to Kafka: the topic of gold/product_sales.

Add here: what its messages say. Not here: how a table is published (`table_topic`).
"""

from dataclasses import dataclass

from assets.serving.table_topic import TableTopic
from assets.tables import PRODUCT_SALES


@dataclass(frozen=True)
class SalesTopic(TableTopic):
    """A message a product and window; a tombstone if the window has no sales any more."""

    source = PRODUCT_SALES
    key = ("product_id", "window_start")
    asset = "product_sales"
    what = (
        "Product sales as the compacted Kafka topic {topic}. Key: product_id and window_start. Value: the row and the "
        "version of the table; a tombstone if there are no sales any more."
    )
    setting = "SALESINSIGHTS_SALES_TOPIC"
