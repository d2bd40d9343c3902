"""What the nightly proof remembers of each day.

Add here: a column about a proof. Not here: what is compared (`assets.upkeep.proof`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

PROOFS = Table(
    "upkeep/proofs",
    pl.Schema(
        {
            "event_date": pl.Date(),
            "fingerprint": pl.Int64(),
            "differing": pl.List(pl.String()),
            "proved_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "One row per closed day that the nightly proof compared with a rebuild, and how that came out.",
    key=("event_date",),
    cadence=Cadence.UPKEEP,
    columns={
        "fingerprint": "a hash of the data files that were compared; a day with other files is unproven again",
        "differing": "the tables that differ from the rebuild; empty if the day is proven",
        "proved_at": "when the day was compared (UTC)",
    },
)
