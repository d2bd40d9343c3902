"""The table of what the shop says of its products: their names, brands, costs and stock, and since when.

Add here: a fact that a shop may give of a product. Not here: how it is read and loaded (`assets.products.catalog`).
"""

import polars as pl

from assets.events.contract import MONEY, UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

FACTS = pl.Schema(
    {
        "name": pl.String(),
        "category": pl.String(),
        "brand": pl.String(),
        "picture_url": pl.String(),
        "cost": MONEY,
        "stock": pl.Int64(),
    }
)
"""What a shop may say of a product; all of it optional."""

HISTORIC = tuple(name for name in FACTS if name != "stock")
"""Those whose history is kept. A stock changes with each sale: a row for each would be as many as there are sales."""

CATALOG_REFUSED = Table(
    "silver/catalog_refused",
    pl.Schema(
        {
            "source": pl.String(),
            "partition": pl.Int32(),
            "offset": pl.Int64(),
            "kafka_timestamp": UTC_MICROSECONDS,
            "key": pl.Binary(),
            "value": pl.Binary(),
            "reason": pl.String(),
            "detail": pl.String(),
            "read_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "One row per message of the catalogue's topic that was refused, byte for byte, with the reason.",
    key=("source", "partition", "offset"),
    cadence=Cadence.UPKEEP,
    columns={
        "source": "the topic that the message came from",
        "kafka_timestamp": "when Kafka, or the producer, says that the message was sent (UTC)",
        "key": "the message's key, byte for byte",
        "value": "the message's value, byte for byte",
        "reason": "why the message was refused: a reason code (docs/products.md)",
        "detail": "the field and the text that was refused",
        "read_at": "when the message was read (UTC)",
    },
)

CATALOG = Table(
    "silver/catalog",
    pl.Schema(
        {
            "product_id": pl.Int64(),
            **FACTS,
            **dict.fromkeys(("valid_from", "valid_to", "stock_at"), UTC_MICROSECONDS),
        }
    ),
    (),
    "What the shop said of each product and when: a row per product and time in which nothing but its stock changed.",
    key=("product_id", "valid_from"),
    cadence=Cadence.UPKEEP,
    is_served=True,
    sql_alias="catalog",
    columns={
        "name": "the product's name",
        "category": "the product's category, in the shop's words",
        "brand": "the product's brand, as the catalogue has it; events may have another spelling",
        "picture_url": "the address of a picture",
        "cost": "what one piece costs the shop, in its currency",
        "stock": "pieces in stock at stock_at",
        "valid_from": "since when this holds (UTC); a product's first row holds for all sales before it too",
        "valid_to": "until when it held (UTC, exclusive); empty in the row that holds now",
        "stock_at": "when the shop last stated this stock (UTC): what was sold since is not in it",
    },
)
