"""Carts to Kafka: left ones, for who reminds customers while it helps, and recovered ones, to see that it helped.

Add here: what its messages say. Not here: how a table is published (`table_topic`), or when a cart counts as left.
"""

from dataclasses import dataclass

from assets.serving.table_topic import TableTopic
from assets.tables import ABANDONED_CARTS, RECOVERED_CARTS


@dataclass(frozen=True)
class CartTopic(TableTopic):
    """A message an item that was left; a tombstone once it was bought, taken out, put in once more or given up."""

    source = ABANDONED_CARTS
    key = ("user_id", "product_id")
    asset = "left_carts"
    what = (
        "Items left in carts as the compacted Kafka topic {topic}. Key: user_id and product_id. Value: the row, whose "
        "cart_value is the money at risk; a tombstone once the item does not lie there any more."
    )
    setting = "SALESINSIGHTS_CARTS_TOPIC"


@dataclass(frozen=True)
class RecoveredTopic(TableTopic):
    """A message an item that was bought after it had been left; a tombstone once the cart is older than the rule."""

    source = RECOVERED_CARTS
    key = ("user_id", "product_id", "recovered_at")
    asset = "recovered_carts"
    what = (
        "Items bought after they had been left in carts, as the compacted Kafka topic {topic}. Key: user_id, "
        "product_id and recovered_at. Value: the row; a tombstone once the cart is older than SALESINSIGHTS_CART_DAYS."
    )
    setting = "SALESINSIGHTS_RECOVERED_TOPIC"
