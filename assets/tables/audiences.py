"""The table of audiences: who is in which.

Add here: a table about groups of users. Not here: one about each user (`customers`, `visitors`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

AUDIENCE_MEMBERS = Table(
    "gold/audience_members",
    pl.Schema({"audience": pl.String(), "user_id": pl.Int64(), "joined_at": UTC_MICROSECONDS}),
    (),
    "Who is in which audience of `audiences.toml`, and since when. Who leaves has no row any more.",
    key=("audience", "user_id"),
    made_from=("gold/customer_value", "gold/abandoned_carts", "silver/purchases"),
    cadence=Cadence.MINUTES,
    keeps_users=True,
    columns={
        "audience": "the audience's name in `audiences.toml`",
        "joined_at": "when the user was first found in the audience without a break (UTC)",
    },
)
