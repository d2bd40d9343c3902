"""The shop's targets of revenue, from a file in the home, and whether the last day, week and month reached them.

Add here: a target. Not here: who is told (`sensors.sales_alarm_sensor`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assets.tables import PRODUCT_SALES_DAILY
from resources.foreseen_error import ForeseenError
from resources.lake import Lake


class TargetsError(ForeseenError):
    """The file of targets can't be used; the message says what is wrong."""


class Targets(BaseModel):
    """Revenue of a UTC day, a week from Monday, a month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Annotated[Decimal, Field(gt=0)] | None = None
    week: Annotated[Decimal, Field(gt=0)] | None = None
    month: Annotated[Decimal, Field(gt=0)] | None = None


@dataclass(frozen=True)
class TargetFile:
    """Where the targets are; without the file there are none."""

    path: Path

    def read(self) -> Targets:
        """Raises TargetsError."""
        try:
            return Targets.model_validate(tomllib.loads(self.path.read_text()))
        except FileNotFoundError:
            return Targets()
        except (OSError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
            raise TargetsError(f'{self.path}: {said}. Write lines such as day = "12000.00"') from error


def periods(now: datetime) -> Mapping[str, tuple[datetime, datetime]]:
    """The newest day, week and month that are over."""
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    return {
        "day": (today - timedelta(days=1), today),
        "week": (monday - timedelta(weeks=1), monday),
        "month": ((first - timedelta(days=1)).replace(day=1), first),
    }


def missed(lake: Lake, targets: Targets, now: datetime) -> Mapping[str, str | None]:
    """Per target `target/day`, `week`, `month`: by how much its newest period missed it, None if it was reached.

    Raises LakeError if the lake can't be read.
    """
    found = dict[str, str | None]()
    for name, (start, end) in periods(now).items():
        target: Decimal | None = getattr(targets, name)
        if target is not None:
            where = f"event_date >= DATE '{start.date()}' AND event_date < DATE '{end.date()}'"
            rows = lake.table(PRODUCT_SALES_DAILY).read(where, ["revenue"])
            revenue = Decimal(str(rows.select(pl.col("revenue").sum()).item() or 0))
            said = (
                f"the {name} from {start.date()} brought {revenue:,.2f}, {1 - revenue / target:.0%} below {target:,.2f}"
            )
            found[f"target/{name}"] = said if revenue < target else None
    return found
