"""Carts that are left, bought and put in once more, and what somebody who follows their topic knows.

Add here: how tests move carts, and how they read the topic. Not here: a test.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl

from assets.serving.cart_topic import CartTopic
from assets.tables import ABANDONED_CARTS
from resources.lake import Lake
from tests.assets.serving.sales_messages import messages, newest

Item = tuple[int, int]


def move(lake: Lake, seed: int) -> None:
    """Some items leave their carts, others are left, and some are put in once more."""
    chance, kept = Random(seed), lake.table(ABANDONED_CARTS).read()
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seed)
    drawn = sorted({(chance.randrange(20), chance.randrange(4)) for _ in range(30)})
    rows = [row for row in kept.to_dicts() if (row["user_id"], row["product_id"]) in drawn and chance.random() < 0.7]
    held = {(row["user_id"], row["product_id"]) for row in rows}
    for user, product in drawn:
        if (user, product) not in held:
            quantity, price = chance.randint(1, 3), Decimal(chance.randint(1, 9_999)) / 100
            row = {"user_id": user, "product_id": product, "quantity": quantity, "price": price}
            row |= {"brand": chance.choice((None, "runail")), "cart_value": quantity * price}
            rows.append({**row, "user_session": None, "carted_at": at, "abandoned_at": at + timedelta(hours=1)})
    lake.table(ABANDONED_CARTS).replace(pl.DataFrame(rows, schema=ABANDONED_CARTS.schema), None, {})


def left(lake: Lake) -> dict[Item, dict[str, Any]]:
    """Each item that lies in a cart, by the table, as messages spell it."""
    return {(row["user_id"], row["product_id"]): _spelled(row) for row in lake.table(ABANDONED_CARTS).read().to_dicts()}


def followed(topic: CartTopic) -> dict[Item, dict[str, Any]]:
    """The same by the topic alone: the newest message of each key."""
    told = {key: json.loads(row) for key, row in newest(messages(topic)).items()}
    assert all(json.loads(key) == {name: row[name] for name in topic.key} for key, row in told.items())
    return {
        (row["user_id"], row["product_id"]): {name: value for name, value in row.items() if name != "version"}
        for row in told.values()
    }


def _spelled(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: f"{row[name]:%Y-%m-%dT%H:%M:%S.%fZ}" for name in ("carted_at", "abandoned_at")}
    return {**row, **moments, "price": str(row["price"]), "cart_value": str(row["cart_value"])}
