"""What people leave on the pages for each other: notes about a time, and views with a name.

Add here: a table of what people say or choose. Not here: how rows are written (`assets.viewers`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

NOTES = Table(
    "silver/notes",
    pl.Schema(
        {
            "note_id": pl.Int64(),
            "starts_at": UTC_MICROSECONDS,
            "ends_at": UTC_MICROSECONDS,
            "text": pl.String(),
            "author": pl.String(),
            "written_at": UTC_MICROSECONDS,
            "deleted_at": UTC_MICROSECONDS,
            "deleted_by": pl.String(),
        }
    ),
    (),
    "What people noted about a time, such as a campaign or a change of prices: one row per note, deleted ones too.",
    key=("note_id",),
    cadence=Cadence.UPKEEP,
    sql_alias="notes",
    columns={
        "note_id": "the number of the note, counted from 1",
        "starts_at": "the moment that the note is about, or when its time began (UTC)",
        "ends_at": "when its time ended (UTC, exclusive); empty for a moment",
        "text": "what was noted; empty once the note is deleted",
        "author": "who wrote it, by the name of the login; empty where nobody has to log in",
        "written_at": "when it was written (UTC)",
        "deleted_at": "when it was deleted (UTC); empty for a note that is shown",
        "deleted_by": "who deleted it, by the name of the login; empty where nobody has to log in",
    },
)

SAVED_VIEWS = Table(
    "silver/saved_views",
    pl.Schema({"name": pl.String(), "query": pl.String(), "author": pl.String(), "saved_at": UTC_MICROSECONDS}),
    (),
    "What the Live page can show in one click: one row per name that somebody gave to a span, comparison and filters.",
    key=("name",),
    cadence=Cadence.UPKEEP,
    sql_alias="saved_views",
    columns={
        "name": "the name of the view",
        "query": "the parameters of its address",
        "author": "who saved it last, by the name of the login; empty where nobody has to log in",
        "saved_at": "when it was saved last (UTC)",
    },
)
