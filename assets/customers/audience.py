"""What an audience is: a name, and a filter that says which customers belong to it.

Add here: a condition. Not here: how members are found (`audiences`), or where audiences are written down (the home's
`audiences.toml`).
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from resources.foreseen_error import ForeseenError

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Money = Annotated[Decimal, Field(max_digits=18, decimal_places=2)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=0, le=36_500)]


class AudienceError(ForeseenError):
    """An audience can't be used; the message names the file, the audience and what is wrong."""


class Audience(BaseModel):
    """All given conditions must hold; of a list, one entry is enough. `..._from` and `..._to` include their limits.

    - `segment`: segments of customer_value.
    - `last_order_days_from`, `last_order_days_to`: days from the last order to the newest day with a purchase.
    - `revenue_...`, `predicted_value_...`: what the customer has spent, and is expected to spend.
    - `probability_alive_...`: P(active), from 0 to 1; nobody for whom the model can't tell.
    - `bought_product`, `bought_brand`, `bought_category`: what was bought within `bought_days` days: product numbers;
      brands; categories by number or by path, such as `furniture`, which includes `furniture.bathroom.bath`.
    - `left_cart_from`: the least value of what lies in the user's abandoned carts; they need not have bought anything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: tuple[str, ...] = ()
    last_order_days_from: Days | None = None
    last_order_days_to: Days | None = None
    revenue_from: Money | None = None
    revenue_to: Money | None = None
    predicted_value_from: Money | None = None
    predicted_value_to: Money | None = None
    probability_alive_from: Share | None = None
    probability_alive_to: Share | None = None
    bought_product: tuple[int, ...] = ()
    bought_brand: tuple[str, ...] = ()
    bought_category: tuple[int | str, ...] = ()
    bought_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    left_cart_from: Money | None = None


_FILE = TypeAdapter(dict[Name, Audience])


@dataclass(frozen=True)
class AudienceFile:
    """The file of the audiences: TOML, a table per audience. Without the file there is no audience."""

    path: Path

    def read(self) -> dict[str, Audience]:
        """The audiences by name. Raises AudienceError."""
        try:
            known = _FILE.validate_python(tomllib.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise AudienceError(
                f"{self.path}: {place}: {first['msg']}. docs/audiences.md lists the conditions"
            ) from error
        except (tomllib.TOMLDecodeError, OSError, ValueError) as error:
            raise AudienceError(f"{self.path} can't be read: {error}. docs/audiences.md has an example") from error
        unfiltered = [
            name for name, audience in known.items() if audience == Audience(bought_days=audience.bought_days)
        ]
        if unfiltered:
            raise AudienceError(f"{self.path}: {unfiltered[0]} has no condition: give it one, or remove it")
        return known
