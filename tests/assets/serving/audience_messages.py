"""Audiences whose members come and go, and what somebody who follows their topic knows.

Add here: how tests move members, and how they read the topic. Not here: a test.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl

from assets.serving.audience_topic import AudienceTopic
from assets.tables import AUDIENCE_MEMBERS
from resources.lake import Lake
from tests.assets.serving.sales_messages import messages, newest

Member = tuple[str, int]


def move(lake: Lake, seed: int) -> None:
    """Some users leave their audiences, and others join."""
    table, chance = lake.table(AUDIENCE_MEMBERS), Random(seed)
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seed)
    drawn = sorted({(chance.choice(("vip", "win-back")), chance.randrange(40)) for _ in range(30)})
    now = pl.DataFrame(drawn, schema=["audience", "user_id"], orient="row")
    stay = now.join(table.read(), on=["audience", "user_id"], how="left")
    table.replace(stay.with_columns(pl.col("joined_at").fill_null(at)), None, {})


def members(lake: Lake) -> dict[Member, str]:
    """Since when each is a member."""
    rows = lake.table(AUDIENCE_MEMBERS).read().rows()
    return {(audience, user): f"{at:%Y-%m-%dT%H:%M:%S.%fZ}" for audience, user, at in rows}


def followed(topic: AudienceTopic) -> dict[Member, str]:
    """The members by the topic alone: the newest message of each key."""
    told = [(json.loads(key), json.loads(row)) for key, row in newest(messages(topic)).items()]
    assert all(row["audience"] == key["audience"] and row["user_id"] == key["user_id"] for key, row in told)
    return {(row["audience"], row["user_id"]): row["joined_at"] for _, row in told}
