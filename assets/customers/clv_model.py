"""The table of lifetime value models, one versioned row per fit; and when a new fit is due.

Add here: what is kept of a fit, and what makes a new one due. Not here: how models are fitted (`lifetime_model`).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from assets.customers.bg_nbd import NAMES as PURCHASE_NAMES
from assets.customers.bg_nbd import BgNbd
from assets.customers.gamma_gamma import NAMES as VALUE_NAMES
from assets.customers.gamma_gamma import GammaGamma
from assets.customers.histories import READ, histories_in
from assets.customers.holdout import Holdout, hold_out
from assets.customers.lifetime_model import LifetimeFit, LifetimeModel, fit_lifetime, histories
from assets.customers.likelihood import Fit
from assets.customers.options import ClvOptions
from assets.customers.purchase_history import purchase_history
from assets.tables import CLV_HOLDOUT, CLV_MODEL, CUSTOMER_DAYS
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

MODEL = "model_version"
"""The progress that holds the model's version."""

BG_NBD, MBG_NBD = "bg_nbd", "mbg_nbd"

BY_HOLDOUT, BY_LIKELIHOOD, BY_SETTING = "holdout", "likelihood", "setting"
"""How the model of purchases was chosen."""

NO_FIT = "no model has been fitted yet"

DRIFTED_FIT, DRIFTED_CUSTOMERS = 0.01, 0.1
"""A larger relative change, in the mean log-likelihood per customer or in their number, makes a new fit due at once."""

_OPTIONS = ("unit_days", "near_days", "far_days", "discount_rate")


@dataclass(frozen=True)
class KnownModel:
    """A model from the table, its version, and its row by column. Before the first fit: no version and an empty row."""

    model: LifetimeModel
    version: int | None
    row: Mapping[str, Any]


def newest_model(table: LakeTable, until: date | None = None) -> KnownModel:
    """The last fit, or the last one to data up to the day `until`; before the first fit, a model without parameters."""
    rows = table.read(None if until is None else f"as_of <= DATE '{until}'")
    if rows.is_empty():
        return KnownModel(LifetimeModel(None, None, ClvOptions(), NO_FIT), None, {})
    row = rows.sort(MODEL).row(-1, named=True)
    return KnownModel(_model_of(row), row[MODEL], row)


def model_of_day(table: LakeTable, day: date | None) -> KnownModel:
    """The last fit to data up to the day; if that day had none, as in months loaded later, the first fit of all."""
    known = newest_model(table, day)
    rows = table.read()
    if known.version is not None or rows.is_empty():
        return known
    row = rows.sort(MODEL).row(0, named=True)
    return KnownModel(_model_of(row), row[MODEL], row)


def _model_of(row: Mapping[str, Any]) -> LifetimeModel:
    modified = row["model"] == MBG_NBD
    r, alpha, a, b = (row[name] for name in PURCHASE_NAMES)
    purchases = None if row["purchases_doubt"] else BgNbd(r, alpha, a, b, modified)
    value = None if row["value_doubt"] else GammaGamma(*(row[name] for name in VALUE_NAMES))
    wanted = modified if row["chosen_by"] in (None, BY_SETTING) else None
    doubt = row["purchases_doubt"] or row["value_doubt"]
    return LifetimeModel(purchases, value, ClvOptions(wanted, *(row[name] for name in _OPTIONS)), doubt)


def reason_to_fit(known: KnownModel, buyers: pl.DataFrame, as_of: date | None, options: ClvOptions) -> str | None:
    """Why a new fit is due for these histories of days up to `as_of`, as the table's `reason`; None if it is not."""
    if as_of is None:
        return None
    if known.version is None:
        return "first"
    if known.model.options != options:
        return "settings"
    if as_of > known.row["as_of"]:
        return "new day"
    return "drift" if _has_drifted(known, buyers) else None


def has_other_options(models: LakeTable, options: ClvOptions) -> bool:
    """Whether the newest fit is by other settings than these."""
    known = newest_model(models)
    return known.version is not None and known.model.options != options


def _has_drifted(known: KnownModel, buyers: pl.DataFrame) -> bool:
    if abs(buyers.height - known.row["customers"]) > DRIFTED_CUSTOMERS * known.row["customers"]:
        return True
    if known.model.purchases is None:
        return False
    before = known.row["purchases_log_likelihood"] / known.row["customers"]
    now = known.model.purchases.log_likelihood(histories(buyers, known.model.options)) / buyers.height
    return bool(abs(now - before) > DRIFTED_FIT * abs(before))


@dataclass(frozen=True)
class Fitted:
    """Both models, how well they predict the last third of the history (None if it is too short), and who chose."""

    fit: LifetimeFit
    report: Holdout | None
    chosen_by: str


def fit_models(buyers: pl.DataFrame, days: pl.DataFrame, options: ClvOptions) -> Fitted:
    """Fit the models to histories (`histories_in`); `days` are the rows of customer_days that they are from."""
    report = hold_out(days, options)
    chosen = report.modified if report and report.tells else None
    by = BY_SETTING if options.modified is not None else BY_LIKELIHOOD if chosen is None else BY_HOLDOUT
    return Fitted(fit_lifetime(buyers, options, chosen), report, by)


def refit(lake: Lake, options: ClvOptions, now: datetime, *, is_asked: bool = False) -> int | None:
    """Fit the models if that is due or asked for; return the new version, None if there was nothing to do.

    Idempotent unless `is_asked`. The holdout's rows are committed first, so a version that readers see is complete.
    """

    def fit() -> int | None:
        table, held_out, sold = lake.table(CLV_MODEL), lake.table(CLV_HOLDOUT), lake.table(CUSTOMER_DAYS)
        history = purchase_history(lake, sold)
        buyers, as_of = histories_in(history), history["last_day"].max()
        due = reason_to_fit(newest_model(table), buyers, as_of if isinstance(as_of, date) else None, options)
        reason = due or ("asked" if is_asked and history.height else None)
        if reason is None:
            return None
        fitted = fit_models(buyers, sold.read(columns=READ), options)
        version, report = (table.progress(MODEL) or 0) + 1, fitted.report
        rows = report.rows if report else pl.DataFrame(schema=CLV_HOLDOUT.schema)
        numbered = rows.with_columns(pl.lit(version, pl.Int64).alias(MODEL))
        held_out.replace(numbered, f"{MODEL} = {version}", {})
        facts = {MODEL: version, "fitted_at": now, "reason": reason, "as_of": as_of, "chosen_by": fitted.chosen_by}
        row = {**facts, **_described(fitted.fit), **(report.figures if report else {})}
        table.append(pl.DataFrame([row], schema=CLV_MODEL.schema), {MODEL: version})
        return version

    return again_on_conflict(fit)


def _described(fit: LifetimeFit) -> dict[str, object]:
    return {
        "model": MBG_NBD if fit.modified else BG_NBD,
        "customers": fit.customers,
        "repeat_customers": fit.repeat_customers,
        **{name: asdict(fit.model.options)[name] for name in _OPTIONS},
        **_fitted(fit.purchases, PURCHASE_NAMES, "purchases"),
        **_fitted(fit.value, VALUE_NAMES, "value"),
    }


def _fitted(fit: Fit, names: tuple[str, ...], what: str) -> dict[str, object]:
    """Parameters and errors under the table's column names; null where the fit has none."""
    errors = {f"{name}_error": _finite(fit.standard_errors.get(name)) for name in names}
    parameters = {name: fit.parameters.get(name) for name in names}
    return {**parameters, **errors, f"{what}_log_likelihood": fit.log_likelihood, f"{what}_doubt": fit.fit_warning}


def _finite(number: float | None) -> float | None:
    return None if number is None or math.isnan(number) else number
