"""Duplicates: which of several messages is kept as the event, and which only repeat it.

Identity: the nine fields, or the event_id within its UTC day. Add here: what makes two messages the same event.
Not here: where duplicates are looked for (`silver`), or how many rows at a time (`day_pieces`).
"""

import polars as pl

from assets.events.contract import EVENT

BODY = tuple(EVENT)

CONFLICT = "conflicting_duplicate"
"""Why an event is refused whose event_id an earlier one of that day has, with another body."""


def judge_duplicates(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Mark each repeated event with `is_duplicate`; if its event_id has a different body, also with a reason.

    `events` are in arrival order. `stored` are rows of silver that they may repeat, with at least the nine fields,
    event_id and event_date. The result is in arrival order.
    """
    ordered = events.with_row_index("_order")
    # Most shops name no event: no rows are copied then.
    if events["event_id"].null_count() == events.height:
        return _judge_unnamed(ordered, stored).drop("_order")
    unnamed = _judge_unnamed(ordered.filter(pl.col("event_id").is_null()), stored)
    named = _judge_named(ordered.filter(pl.col("event_id").is_not_null()), stored)
    return pl.concat([unnamed, named]).sort("_order").drop("_order")


def _judge_unnamed(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    known = stored.filter(pl.col("event_id").is_null()).select(pl.lit(None, pl.UInt32).alias("_order"), *BODY)
    # Few events share these three fields, or their hash. Only those need the costlier comparison of all nine.
    near = pl.col("event_time").hash(1) ^ pl.col("user_id").hash(2) ^ pl.col("product_id").hash(3)
    suspects = pl.concat([known, events.select("_order", *BODY)]).filter(near.is_duplicated())
    copies = suspects.filter(~pl.struct(BODY).is_first_distinct())["_order"].drop_nulls()
    return events.with_columns(is_duplicate=pl.col("_order").is_in(copies.implode()))


def _judge_named(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    columns = ["event_date", "event_id", *BODY]
    known = stored.filter(pl.col("event_id").is_not_null()).select(columns).with_columns(_first=-1)
    here = events.select(*columns, _first=pl.col("_order").cast(pl.Int64))
    body = pl.struct(BODY).alias("_body")
    kept = (
        pl.concat([known.cast({"_first": pl.Int64}), here])
        .sort("_first", maintain_order=True)
        .unique(["event_date", "event_id"], keep="first", maintain_order=True)
        .select("event_date", "event_id", "_first", body)
    )
    joined = events.join(kept, on=["event_date", "event_id"], how="left", maintain_order="left")
    is_duplicate = pl.col("_first") != pl.col("_order").cast(pl.Int64)
    conflict = is_duplicate & pl.col("_body").ne_missing(pl.struct(BODY))
    return joined.with_columns(
        is_duplicate=is_duplicate,
        reason=pl.when(conflict).then(pl.lit(CONFLICT)).otherwise("reason"),
        detail=pl.when(conflict).then(pl.concat_str(pl.lit("event_id: "), "event_id")).otherwise("detail"),
    ).select(*events.columns, "is_duplicate")
