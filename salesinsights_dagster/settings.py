"""The one place that reads the environment.

Add here: a setting, with its default, its check and the remedy that its error names.
Not here: anything that opens a file or a socket.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from assets.customers.options import ClvOptions
from assets.visitors.cart_rule import CartRule
from resources.kafka_connection import KafkaConnection

CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS_A_DAY = 86_400
EARLIEST_DAY = date(2019, 1, 1)
"""The first day whose events the contract accepts."""

UNUSABLE = set("%[]\\=")
"""What a path may not have: those who read the lake take it for an escape, a pattern or a partition."""

LONGEST_STREAM = 100
"""Minutes. Dagster ends a run after two hours (`max_runtime_seconds`), as one that hangs."""

LONGEST_HORIZON = 3_650
POSTGRES_DRIVER = "postgresql+psycopg2"
"""For SQLAlchemy 2.1 a bare `postgresql` means a different driver than the one that dagster-postgres installs."""

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names the variable and the remedy."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two installations.

    `kafka` is None if the environment names no cluster: then the local broker of this home is used.
    Minutes, seconds and rows are whole numbers above zero; `window_seconds` divides a day evenly.
    """

    home: Path
    lake: str
    kafka: KafkaConnection | None
    topic: str = "shop.events"
    window_seconds: int = 45
    poll_seconds: int = 30
    stream_minutes: int = 60
    stream_idle_minutes: int = 30
    first_day: date = EARLIEST_DAY
    batch_rows: int = 200_000
    dagster_db: str | None = field(default=None, repr=False)
    schema_registry: Mapping[str, str] | None = field(default=None, repr=False)
    alert_webhook: str | None = field(default=None, repr=False)
    sales_topic: str | None = "shop.product-sales"
    postgres: str | None = field(default=None, repr=False)
    clv: ClvOptions = field(default_factory=ClvOptions)
    carts: CartRule = field(default_factory=CartRule)

    @property
    def input_folder(self) -> Path:
        return self.home / "input"

    @property
    def archive_folder(self) -> Path:
        return self.home / "archive"

    @property
    def serving_file(self) -> Path:
        return self.home / "serving.duckdb"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def broker_home(self) -> Path:
        return self.home / "kafka"


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting.

    Raises SettingsError for a value that can't be used.
    """
    env = os.environ if env is None else env
    home = Path(env.get("SALESINSIGHTS_HOME") or CHECKOUT / ".salesinsights").expanduser().absolute()
    lake = env.get("SALESINSIGHTS_LAKE") or str(home / "lake")
    for name, place in (("SALESINSIGHTS_HOME", str(home)), ("SALESINSIGHTS_LAKE", lake)):
        _check_path(name, place)
    window_seconds = _whole_number(env, "SALESINSIGHTS_WINDOW_SECONDS", 45)
    if SECONDS_A_DAY % window_seconds:
        raise SettingsError(
            f"SALESINSIGHTS_WINDOW_SECONDS={window_seconds} does not divide a day evenly: "
            "choose a divisor of 86400, such as 30, 45 or 60"
        )
    topic = env.get("SALESINSIGHTS_TOPIC") or "shop.events"
    if topic == "archive":
        raise SettingsError("SALESINSIGHTS_TOPIC=archive names the archive's rows in the lake: choose another name")
    return Settings(
        home=home,
        lake=lake,
        kafka=_kafka(env),
        topic=topic,
        window_seconds=window_seconds,
        poll_seconds=_whole_number(env, "SALESINSIGHTS_POLL_SECONDS", 30),
        stream_minutes=_stream_minutes(env),
        stream_idle_minutes=_whole_number(env, "SALESINSIGHTS_STREAM_IDLE_MINUTES", 30),
        first_day=_first_day(env),
        batch_rows=_whole_number(env, "SALESINSIGHTS_BATCH_ROWS", 200_000),
        dagster_db=_dagster_db(env),
        schema_registry=_schema_registry(env),
        alert_webhook=_alert_webhook(env),
        sales_topic=_sales_topic(env, topic),
        postgres=_postgres(env),
        clv=_clv_options(env),
        carts=CartRule(
            _whole_number(env, "SALESINSIGHTS_CART_MINUTES", 60), _whole_number(env, "SALESINSIGHTS_CART_DAYS", 30)
        ),
    )


def _check_path(name: str, place: str) -> None:
    found = sorted(set(place) & UNUSABLE)
    if "://" not in place and found:
        raise SettingsError(
            f"{name}={place} has {' and '.join(found)} in its path, which can't be read: choose another folder"
        )


def _stream_minutes(env: Mapping[str, str]) -> int:
    text = env.get("SALESINSIGHTS_STREAM_MINUTES") or "60"
    if not (text.isascii() and text.isdigit() and int(text) <= LONGEST_STREAM):
        raise SettingsError(
            f"SALESINSIGHTS_STREAM_MINUTES={text!r} is not a whole number from 0 to {LONGEST_STREAM}: set one (with 0 "
            "each run reads one backlog and ends), or unset it for 60"
        )
    return int(text)


def _first_day(env: Mapping[str, str]) -> date:
    text = env.get("SALESINSIGHTS_FIRST_DAY") or EARLIEST_DAY.isoformat()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day < EARLIEST_DAY:
        raise SettingsError(
            f"SALESINSIGHTS_FIRST_DAY={text!r} is not a day such as 2025-11-01, {EARLIEST_DAY} or later: set one, or "
            "unset it to begin with the month of the oldest event"
        )
    return day


def _clv_options(env: Mapping[str, str]) -> ClvOptions:
    models, units = {"bg_nbd": False, "mbg_nbd": True}, {"week": 7, "day": 1}
    near, far = _whole_number(env, "SALESINSIGHTS_CLV_NEAR_DAYS", 90), _whole_number(env, "SALESINSIGHTS_CLV_DAYS", 365)
    if near > far or far > LONGEST_HORIZON:
        raise SettingsError(
            f"SALESINSIGHTS_CLV_NEAR_DAYS={near} and SALESINSIGHTS_CLV_DAYS={far}: set the shorter horizon to at "
            f"most the longer one, and both to at most {LONGEST_HORIZON} days"
        )
    discount = env.get("SALESINSIGHTS_CLV_DISCOUNT") or "0.1"
    if not re.fullmatch(r"[0-9](\.[0-9]+)?", discount):
        raise SettingsError(f"SALESINSIGHTS_CLV_DISCOUNT={discount!r} is not a yearly rate: set one such as 0.1")
    return ClvOptions(
        _one_of(env, "SALESINSIGHTS_CLV_MODEL", models), _one_of(env, "SALESINSIGHTS_CLV_UNIT", units), near, far,
        float(discount),
    )  # fmt: skip


def _one_of(env: Mapping[str, str], name: str, values: Mapping[str, T]) -> T:
    """The value that the variable names; the first value if it is unset."""
    text = env.get(name) or next(iter(values))
    if text not in values:
        raise SettingsError(f"{name}={text!r} is unknown: set one of {', '.join(values)}")
    return values[text]


def _sales_topic(env: Mapping[str, str], topic: str) -> str | None:
    name = env.get("SALESINSIGHTS_SALES_TOPIC") or "shop.product-sales"
    if name == topic:
        raise SettingsError(f"SALESINSIGHTS_SALES_TOPIC={name} is the topic of the shop's events: choose another name")
    return None if name == "off" else name


def _postgres(env: Mapping[str, str]) -> str | None:
    url = env.get("SALESINSIGHTS_POSTGRES")
    if url and not url.startswith(("postgres://", "postgresql://")):
        raise SettingsError(
            "SALESINSIGHTS_POSTGRES is not the URL of a PostgreSQL database: "
            "set postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset it"
        )
    return url or None


def _alert_webhook(env: Mapping[str, str]) -> str | None:
    url = env.get("SALESINSIGHTS_ALERT_WEBHOOK")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError("SALESINSIGHTS_ALERT_WEBHOOK is not an http:// or https:// address: set one, or unset it")
    return url or None


def _schema_registry(env: Mapping[str, str]) -> dict[str, str] | None:
    options = _options(env, "SCHEMA_REGISTRY_", ("SCHEMA_REGISTRY_",))
    if options and not options.get("url", "").startswith(("http://", "https://")):
        raise SettingsError("SCHEMA_REGISTRY_URL is not http:// or https://: set it, or unset SCHEMA_REGISTRY_*")
    return options or None


def _options(env: Mapping[str, str], prefix: str, chosen: tuple[str, ...]) -> dict[str, str]:
    """The variables that begin with one of `chosen`, under the client's own option names."""
    return {
        name.removeprefix(prefix).replace("_", ".").lower(): value
        for name, value in env.items()
        if value and name.startswith(chosen)
    }


def _dagster_db(env: Mapping[str, str]) -> str | None:
    url = env.get("SALESINSIGHTS_DAGSTER_DB")
    if not url:
        return None
    scheme, found, place = url.partition("://")
    if not found or scheme not in ("postgres", "postgresql", POSTGRES_DRIVER):
        raise SettingsError(
            "SALESINSIGHTS_DAGSTER_DB is not the URL of a PostgreSQL database: "
            "set postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset it for SQLite files"
        )
    return f"{POSTGRES_DRIVER}://{place}"


def _whole_number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise SettingsError(f"{name}={text!r} is not a whole number above zero: set one, or unset it for {default}")
    return int(text)


def _kafka(env: Mapping[str, str]) -> KafkaConnection | None:
    servers = env.get("KAFKA_BOOTSTRAP_SERVERS")
    security = _options(env, "KAFKA_", ("KAFKA_SASL_", "KAFKA_SSL_"))
    protocol = env.get("KAFKA_SECURITY_PROTOCOL")
    if protocol and protocol.upper() not in PROTOCOLS:
        raise SettingsError(f"KAFKA_SECURITY_PROTOCOL={protocol!r} is unknown: set one of {', '.join(PROTOCOLS)}")
    if not servers:
        if protocol or security:
            raise SettingsError(
                "KAFKA_BOOTSTRAP_SERVERS is not set but KAFKA_ security settings are: set it to HOST:PORT"
            )
        return None
    if security and not protocol:
        raise SettingsError("KAFKA_SASL_* or KAFKA_SSL_* is set without KAFKA_SECURITY_PROTOCOL: set SASL_SSL or SSL")
    _check_servers(servers)
    return KafkaConnection(servers, {**security, **({"security.protocol": protocol.upper()} if protocol else {})})


def _check_servers(servers: str) -> None:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise SettingsError(f"KAFKA_BOOTSTRAP_SERVERS={servers!r}: {server.strip()!r} is not HOST:PORT")
