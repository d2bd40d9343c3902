"""Every buyer's value: what they were worth, from customer_days, and what the newest model says they will be.

The past is recomputed for all buyers, since each new day makes all of them older. So a refresh reads one row per buyer
and the newest two days, however long the history is. A prediction is recomputed only if the buyer's history or the
model has changed. customer_value_days keeps the last state of a day.
Add here: how the table follows its sources. Not here: the measures (`customer_value.sql`), or the models.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.customers.clv_model import MODEL, KnownModel, has_other_options, newest_model
from assets.customers.lifetime_model import BY_MODEL, HISTORY, LifetimeModel, predict
from assets.customers.options import ClvOptions
from assets.customers.past_value import past_value
from assets.customers.purchase_history import purchase_history
from assets.customers.segment_rules import SegmentRules, built_in
from assets.customers.segments import segmented
from assets.progress.source_fingerprints import has_changed, seen
from assets.tables import CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS, PREDICTED
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

REACHED = "reached_day"
"""The progress that holds the newest day on which anybody had bought, as its ordinal."""

RULES = "segment_rules"
"""The progress that holds a fingerprint of the rules of segments."""

DAILY_DAYS = 92
"""The state of each of this many newest days is kept, and of each month's last day before them. So the table grows by
one row per buyer and month. A day that is not kept is computed on request."""

AT_ONCE = 50_000
"""Buyers compared and scored at once; it bounds the memory."""

_INPUTS = (*HISTORY, "monetary_value", "revenue", "average_order_value", "model_version")


@dataclass(frozen=True)
class Refreshed:
    """How many buyers there are, how many predictions were recomputed, and the day whose end was recorded."""

    buyers: int
    predicted: int
    recorded: date | None


def scored(past: pl.DataFrame, model: LifetimeModel, version: int | None, rules: SegmentRules) -> pl.DataFrame:
    """Rows of customer_value: historical measures, a model's predictions, and segments by the shop's rules."""
    numbered = past.with_columns(model_version=pl.lit(version, pl.Int64))
    return segmented(predict(numbered, model), model, rules).select(CUSTOMER_VALUE.schema.names())


def refresh_customer_value(lake: Lake, rules: SegmentRules | None = None) -> Refreshed:
    """Refresh customer_value from customer_days, the newest model and the rules of segments (None: the built-in ones).

    Idempotent: a second run predicts nothing.
    """
    return again_on_conflict(lambda: _refresh(lake, rules or built_in()))


def _refresh(lake: Lake, rules: SegmentRules) -> Refreshed:
    table, recording = lake.table(CUSTOMER_VALUE), lake.table(CUSTOMER_VALUE_DAYS)
    models, days = lake.table(CLV_MODEL), lake.table(CUSTOMER_DAYS)
    newest, history = newest_model(models), purchase_history(lake, days)
    past, reached = past_value(history), _reached(history)
    del history
    recorded = _record(lake, table, recording, days, reached, rules)
    predictions = _Predictions(newest, table.read(columns=("user_id", *_INPUTS, *PREDICTED)), rules)
    progress = {**seen(days), MODEL: newest.version or 0, REACHED: reached, RULES: rules.fingerprint}
    table.replace(predictions.of(past), None, progress)
    return Refreshed(past.height, predictions.new, recorded)


class _Predictions:
    """The rows of customer_value by the `newest` model; `known` predictions are kept where nothing has changed."""

    def __init__(self, newest: KnownModel, known: pl.DataFrame, rules: SegmentRules) -> None:
        self._newest, self._known, self._rules = newest, known, rules
        self.new = 0
        """Buyers that were scored, up to the rows that have been taken."""

    def of(self, past: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The rows of these buyers, as they are computed: only some buyers are held at once."""
        model, version = self._newest.model, self._newest.version
        numbered = past.with_columns(model_version=pl.lit(version, pl.Int64))
        for some in numbered.iter_slices(AT_ONCE):
            carried = _carried(some, self._known)
            new = scored(some.join(carried, on="user_id", how="anti"), model, version, self._rules)
            self.new += new.height
            yield from (segmented(carried, model, self._rules).select(new.columns), new)


def _carried(past: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The rows of `past` whose inputs equal those of their known predictions, with these predictions."""
    same = [pl.col(name).eq_missing(pl.col(f"{name}_known")) for name in _INPUTS]
    of_older_release = (pl.col("prediction") == BY_MODEL) & pl.col("predicted_value_high").is_null()
    joined = past.join(known, on="user_id", suffix="_known").filter(*same, ~of_older_release)
    return joined.select(*past.columns, *PREDICTED)


def _record(
    lake: Lake, table: LakeTable, recorded: LakeTable, days: LakeTable, reached: int, rules: SegmentRules
) -> date | None:
    """Keep what customers were worth at the end of a day, once it is over. Idempotent.

    Computed from all purchases up to its end, since the table had not seen those of the last minutes, with the model
    that was newest then.
    """
    before = table.progress(REACHED) or 0
    if not 0 < before < reached:
        return None
    day = date.fromordinal(before)
    known = newest_model(lake.table(CLV_MODEL), day)
    past = past_value(purchase_history(lake, days, day))
    if past.is_empty():
        return None
    as_of: date = past.item(0, "as_of")
    rows = (scored(some, known.model, known.version, rules) for some in past.iter_slices(AT_ONCE))
    kept = (some.select(CUSTOMER_VALUE_DAYS.schema.names()) for some in rows)
    recorded.replace(kept, CUSTOMER_VALUE_DAYS.on_days([as_of]), {})
    if thinned := thinned_out(recorded.files()["partition.as_of"].unique()):
        recorded.replace(pl.DataFrame(schema=CUSTOMER_VALUE_DAYS.schema), CUSTOMER_VALUE_DAYS.on_days(thinned), {})
    return as_of


def thinned_out(days: Iterable[date]) -> list[date]:
    """Which of these recorded days to delete: those DAILY_DAYS or more before the newest, except each month's last."""
    known = sorted(days)
    last = {(day.year, day.month): day for day in known}
    return [day for day in known if (known[-1] - day).days >= DAILY_DAYS and day != last[day.year, day.month]]


def _reached(history: pl.DataFrame) -> int:
    """The newest day on which anybody bought, as its ordinal; 0 if nobody has bought.

    If a shop's clock ran ahead: the day on which the newest purchase was read.
    """
    newest = history.select(pl.min_horizontal(pl.col("last_day").max(), pl.col("updated_at").max().dt.date())).item()
    return newest.toordinal() if isinstance(newest, date) else 0


def customer_value_is_behind(lake: Lake, options: ClvOptions | None = None, rules: SegmentRules | None = None) -> bool:
    """Whether customer_days or the model has changed since customer_value was last computed.

    With `options` and `rules` also whether the newest fit, or the segments, are by other ones.
    """
    table, models = lake.table(CUSTOMER_VALUE), lake.table(CLV_MODEL)
    if (table.progress(MODEL) or 0) != (models.progress(MODEL) or 0) or has_changed(table, lake.table(CUSTOMER_DAYS)):
        return True
    has_other_rules = rules is not None and table.rows > 0 and table.progress(RULES) != rules.fingerprint
    return has_other_rules or (options is not None and has_other_options(models, options))
