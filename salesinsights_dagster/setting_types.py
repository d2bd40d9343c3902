"""What a setting may be: the types of settings, and what the error says of any other value.

Add here: a type, or a check of one value. Not here: a setting, or a check of two together (`settings`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, AliasGenerator, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from resources.engine import HERE
from salesinsights_dagster.time_zones import is_time_zone

EARLIEST_DAY = date(2019, 1, 1)
"""The first day whose events the contract accepts."""

LONGEST_STREAM = 100
"""Minutes. Dagster ends a run after two hours (`max_runtime_seconds`), as one that hangs."""

POSTGRES_DRIVER = "postgresql+psycopg2"
"""For SQLAlchemy 2.1 a bare `postgresql` means a different driver than the one that dagster-postgres installs."""

FROM_ENVIRONMENT = SettingsConfigDict(
    alias_generator=AliasGenerator(validation_alias=lambda name: f"SALESINSIGHTS_{name.upper()}"),
    case_sensitive=True,
    frozen=True,
    hide_input_in_errors=True,
)
"""How a class of settings finds its variables."""

_SECONDS_A_DAY = 86_400
UNUSABLE = set("%[]\\=")
"""What a path may not have: those who read the lake take it for an escape, a pattern or a partition."""

_Place = TypeVar("_Place", str, Path)
_DATABASE = (
    "is not the URL of a PostgreSQL database: set postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset it{instead}"
)


@dataclass(frozen=True)
class Wrong:
    """What the error says of a value that the type does not take; `{default}` stands for the setting's default.

    A check of ours raises ValueError with its own words. Neither may repeat the value: it may be a secret.
    """

    words: str


def _one_of(choices: object) -> Wrong:
    return Wrong(f"is unknown: set one of {', '.join(get_args(choices))}")


def _readable(place: _Place) -> _Place:
    found = sorted(set(str(place)) & UNUSABLE)
    if "://" not in str(place) and found:
        raise ValueError(f"has {' and '.join(found)} in its path, which can't be read: choose another folder")
    return place


def _divides_a_day(seconds: int) -> int:
    if _SECONDS_A_DAY % seconds:
        raise ValueError("does not divide a day evenly: choose a divisor of 86400, such as 30, 45 or 60")
    return seconds


def _not_the_archive(topic: str) -> str:
    if topic == "archive":
        raise ValueError("names the archive's rows in the lake: choose another name")
    return topic


def _none_if_off(topic: str) -> str | None:
    return None if topic == "off" else topic


def _engine(name: str) -> str:
    if name != HERE and not name.startswith(("spark://", "sc://", "local-cluster[")):
        raise ValueError(
            "is no engine: set spark://HOST:PORT of an Apache Spark cluster, sc://HOST:PORT of its Spark Connect "
            "server, or unset it"
        )
    return name


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("is not an http:// or https:// address: set one, or unset it")
    return url


def _mail_server(url: str) -> str:
    if not url.startswith(("smtp://", "smtps://")):
        raise ValueError("is no mail server: set smtp://USER:PASSWORD@HOST:587, or smtps://, or unset it")
    return url


def _celery_broker(url: str) -> str:
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError("is no Redis: set redis://HOST:6379/0, or rediss://, or unset it for runs on this machine")
    return url


def _listed(text: object) -> object:
    """The parts of a text between its commas."""
    return tuple(filter(None, map(str.strip, text.split(",")))) if isinstance(text, str) else text


def _networks(listed: object) -> object:
    named = _listed(listed)
    try:
        return tuple(ip_network(one) for one in named) if isinstance(named, tuple) else named
    except ValueError:
        raise ValueError("is not a list of addresses or networks: set such as 127.0.0.1,10.0.3.0/24") from None


def _database(url: str) -> str:
    if not url.startswith(("postgres://", "postgresql://")):
        raise ValueError(_DATABASE.format(instead=""))
    return url


def _database_with_driver(url: str) -> str:
    scheme, found, place = url.partition("://")
    if not found or scheme not in ("postgres", "postgresql", POSTGRES_DRIVER):
        raise ValueError(_DATABASE.format(instead=" for SQLite files"))
    return f"{POSTGRES_DRIVER}://{place}"


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("is no time zone: set its IANA name, such as Europe/Berlin, or unset it for UTC")
    return name


_Model = Literal["best", "bg_nbd", "mbg_nbd"]
_Unit = Literal["week", "day"]
_Login = Literal["off", "users", "proxy", "oidc"]
_Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]

Count = Annotated[
    int,
    Field(gt=0, lt=2**31),
    Wrong("is not a whole number above zero: set one, or unset it for {default}"),
]
Window = Annotated[Count, AfterValidator(_divides_a_day)]
StreamMinutes = Annotated[
    int,
    Field(ge=0, le=LONGEST_STREAM),
    Wrong(
        f"is not a whole number from 0 to {LONGEST_STREAM}: set one (with 0 each run reads one backlog and ends), "
        "or unset it for {default}"
    ),
]
FirstDay = Annotated[
    date,
    Field(ge=EARLIEST_DAY),
    Wrong(
        f"is not a day such as 2025-11-01, {EARLIEST_DAY} or later: set one, or unset it to begin with the month of "
        "the oldest event"
    ),
]
YearlyRate = Annotated[
    float, Field(ge=0, lt=10, allow_inf_nan=False), Wrong("is not a yearly rate: set one such as 0.1")
]
Model = Annotated[_Model, _one_of(_Model)]
Login = Annotated[_Login, _one_of(_Login)]
NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
Unit = Annotated[_Unit, _one_of(_Unit)]
Protocol = Annotated[Annotated[_Protocol, BeforeValidator(str.upper)] | None, _one_of(_Protocol)]

TimeZone = Annotated[str, AfterValidator(_time_zone)]
Currency = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$"), Wrong("is no currency: set its code of ISO 4217, such as EUR, or unset it")
]

Folder = Annotated[Path, AfterValidator(lambda folder: folder.expanduser().absolute()), AfterValidator(_readable)]
LakeRoot = Annotated[str, AfterValidator(_readable)]
Topic = Annotated[str, AfterValidator(_not_the_archive)]
TopicOrOff = Annotated[str | None, BeforeValidator(_none_if_off)]
EngineName = Annotated[str, AfterValidator(_engine)]
MailAddress = Annotated[str, AfterValidator(_mail_server)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
CeleryBroker = Annotated[str, AfterValidator(_celery_broker)]
Database = Annotated[str, AfterValidator(_database)]
DagsterDatabase = Annotated[str, AfterValidator(_database_with_driver)]

Options = Mapping[str, str]
"""Options of a client under its own names, from all variables with one beginning."""
