"""The one place that reads the environment.

Each setting has its type, default and description here; docs/settings.md shows the same, held by a test.
Add here: a setting, or a check of two together. Not here: what one may be (`setting_types`), or anything that opens a
file or a socket.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from assets.customers.audience import AudienceFile
from assets.customers.options import ClvOptions
from assets.customers.segment_rules import SegmentRules, SegmentsError, built_in, read_rules
from assets.visitors.cart_rule import CartRule
from resources.engine import HERE
from resources.foreseen_error import ForeseenError
from resources.kafka_connection import KafkaConnection
from salesinsights_dagster import setting_types as kinds
from salesinsights_dagster.home import ARCHIVE, INPUT
from salesinsights_dagster.lineage_settings import LineageSettings
from salesinsights_dagster.login_settings import LoginSettings, wrong_login
from salesinsights_dagster.mail_settings import MailSettings, wrong_mail
from salesinsights_dagster.object_store_settings import wrong_store
from salesinsights_dagster.setting_types import EARLIEST_DAY, Wrong
from salesinsights_dagster.topic_settings import TopicSettings
from salesinsights_dagster.worker_settings import WorkerSettings, wrong_workers

CHECKOUT = Path(__file__).resolve().parent.parent
LONGEST_HORIZON = 3_650
"""Days."""


class SettingsError(ForeseenError):
    """A setting is missing or wrong; the message names the variable and the remedy."""


class Settings(LoginSettings, MailSettings, LineageSettings, WorkerSettings, TopicSettings):
    """Everything that differs between two installations, a field per variable; the properties say what they make.

    A field's variable is its name after `SALESINSIGHTS_`, or its alias. One that ends in `*` takes all variables that
    begin so. No field that may hold a secret is in the repr.
    """

    home: kinds.Folder = Field(
        CHECKOUT / ".salesinsights",
        description="lake, Dagster's home, the local broker's data, the input folder, the archive folder",
    )
    lake: kinds.LakeRoot = Field(
        default_factory=lambda known: str(known["home"] / "lake"),
        description="the lake's root: a folder, or `s3://bucket/prefix` on any S3-compatible store with conditional "
        "writes: see [operating](operating.md#a-lake-in-an-object-store)",
    )
    topic: kinds.Topic = Field(
        "shop.events",
        description="the topic of events (any name but `archive`); the topic `TOPIC.files` records which CSV files "
        "were published",
    )
    window_seconds: kinds.Window = Field(
        45,
        description="length of a window of product_sales; must divide 86,400, since windows are aligned to midnight "
        "UTC. After a change, backfill the days that should have it",
    )
    dagster_db: kinds.DagsterDatabase | None = Field(
        None,
        repr=False,
        description="where Dagster keeps runs, events and ticks: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, "
        "with the extra `salesinsights[postgres]`. With none, SQLite files in Dagster's home. The lake does not need "
        "it; see below",
    )
    first_day: kinds.FirstDay = Field(
        EARLIEST_DAY,
        description="the first day in the calendar of Dagster's UI, such as `2025-11-01`. If it is not set, "
        "`salesinsights dev` and `demo` begin with the month of the oldest event: they look for it in the lake and in "
        "the archive folder when they start Dagster. With an empty lake, or a plain `dagster dev`, the calendar begins "
        "with the default. Older events are still accepted; their days show after a restart",
    )
    stream_minutes: kinds.StreamMinutes = Field(
        60,
        description="how long a run of the stream stays and reads on before its successor takes over, at most "
        f"{kinds.LONGEST_STREAM}; new code is used from the next run on. With 0 each run reads one backlog and ends",
    )
    stream_idle_minutes: kinds.Count = Field(
        30,
        description="after how long without a message a run ends; the next message then waits for the sensor and a "
        "new process",
    )
    poll_seconds: kinds.Count = Field(30, description="how often the sensor polls Kafka")
    batch_rows: kinds.Count = Field(
        200_000,
        description="the most messages in one batch; bounds the memory of reading a backlog (about 1.2 GB at the "
        "default). A batch of large messages ends earlier, at 64 MB of keys and values, so it needs no more memory",
    )
    engine: kinds.EngineName = Field(
        HERE,
        repr=False,
        description="where days of silver are rebuilt, large months loaded, visitors' days computed and days proven: "
        "`here`, or `spark://HOST:PORT`, an Apache Spark cluster whose workers reach the lake's folder, with the extra "
        "`salesinsights[spark]`, or `sc://HOST:PORT`, its Spark Connect server, with the extra "
        "`salesinsights[spark-connect]`; see [scale](scale.md)",
    )
    alert_webhook: kinds.WebAddress | None = Field(
        None,
        repr=False,
        description="where [alerts](alerts.md) are sent: the address of an incoming webhook (Slack's, or any that "
        'takes a POST of `{"text": "..."}`). Set it for `salesinsights dev` and for the dashboard. With none, only to '
        "Dagster's log",
    )
    postgres: kinds.Database | None = Field(
        None,
        repr=False,
        description="a replica of gold's tables: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with the extra "
        "`salesinsights[postgres]`; see [serving](serving.md)",
    )
    clv_model: kinds.Model = Field(
        "best",
        description="the model of purchases in lifetime value: `bg_nbd`; `mbg_nbd`, in which a customer may also leave "
        "after the first purchase; or `best`, the one of them that predicts the shop's purchases better; see "
        "[customers](customers.md)",
    )
    clv_unit: kinds.Unit = Field(
        "week",
        description="the model's unit of time, `week` or `day`, which is also that of its parameter alpha; the "
        "columns of customer_value are always in days",
    )
    clv_days: kinds.Count = Field(
        ClvOptions.far_days, description=f"the longer horizon of predictions, at most {LONGEST_HORIZON:,} days"
    )
    clv_near_days: kinds.Count = Field(
        ClvOptions.near_days, description="the shorter horizon of predictions, at most as long as the other"
    )
    clv_discount: kinds.YearlyRate = Field(
        ClvOptions.discount_rate, description="the yearly discount rate of later purchases"
    )
    segments: kinds.Folder | None = Field(
        None,
        description="the file of the rules of segments: who is active, cut points, names and suggested actions; see "
        "[customers](customers.md#segments). With none, `segments.toml` in the home, or else the built-in rules",
    )
    cart_minutes: kinds.Count = Field(
        CartRule.minutes, description="minutes after which an item in a cart is abandoned"
    )
    cart_days: kinds.Count = Field(CartRule.days, description="days after which an item in a cart is given up")
    time_zone: kinds.TimeZone = Field(
        "UTC",
        description="the shop's time zone, by its IANA name, such as `Europe/Berlin`: the days and clocks of the "
        "dashboard. What is stored stays in UTC; see [the shop's day](dashboard.md#the-shops-day)",
    )
    currency: kinds.Currency | None = Field(
        None,
        description="the code of the shop's currency in ISO 4217, such as `EUR`, which the dashboard shows beside "
        "money; nothing is converted. With none, money has no unit",
    )
    kafka_bootstrap_servers: str | None = Field(
        None,
        validation_alias="KAFKA_BOOTSTRAP_SERVERS",
        description="HOST:PORT, several separated by commas. With none, the local broker, on port 9092 or a free one "
        "(`salesinsights kafka status` says which, `kafka start --port` chooses)",
    )
    kafka_security_protocol: kinds.Protocol = Field(
        None,
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. With none, PLAINTEXT",
    )
    kafka_sasl: kinds.Options = Field(
        {},
        validation_alias="KAFKA_SASL_*",
        repr=False,
        description="passed on to librdkafka: `KAFKA_SASL_MECHANISM` is `sasl.mechanism`, and so on",
    )
    kafka_ssl: kinds.Options = Field(
        {},
        validation_alias="KAFKA_SSL_*",
        repr=False,
        description="passed on to librdkafka: `KAFKA_SSL_CA_LOCATION` is `ssl.ca.location`, and so on",
    )
    schema_registry_url: str | None = Field(
        None,
        validation_alias="SCHEMA_REGISTRY_URL",
        repr=False,
        description="a Schema Registry: values may be Avro too, with the extra `salesinsights[avro]`; see "
        "[events](events.md). With none, values are JSON",
    )
    schema_registry_options: kinds.Options = Field(
        {},
        validation_alias="SCHEMA_REGISTRY_*",
        repr=False,
        description="passed on to the registry's client: `SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO` is "
        "`basic.auth.user.info`, and so on",
    )
    aws: kinds.Options = Field(
        {},
        validation_alias="AWS_*",
        repr=False,
        description="how to reach the object store, if the lake is in one: `AWS_ENDPOINT_URL` (with none, Amazon's), "
        "`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and `AWS_ALLOW_HTTP=true` for plain HTTP",
    )

    @property
    def kafka(self) -> KafkaConnection | None:
        """The cluster; None if the environment names none: then the local broker of this home is used."""
        if self.kafka_bootstrap_servers is None:
            return None
        security = {f"sasl.{name}": value for name, value in self.kafka_sasl.items()}
        security |= {f"ssl.{name}": value for name, value in self.kafka_ssl.items()}
        if self.kafka_security_protocol:
            security["security.protocol"] = self.kafka_security_protocol
        return KafkaConnection(self.kafka_bootstrap_servers, security)

    @property
    def schema_registry(self) -> Mapping[str, str] | None:
        """The options of the registry's client, `url` among them; None if the environment names no registry."""
        return self.schema_registry_options or None

    @property
    def clv(self) -> ClvOptions:
        unit_days = {"week": 7, "day": 1}[self.clv_unit]
        modified = {"best": None, "bg_nbd": False, "mbg_nbd": True}[self.clv_model]
        return ClvOptions(modified, unit_days, self.clv_near_days, self.clv_days, self.clv_discount)

    @property
    def segment_rules(self) -> SegmentRules:
        """The rules of segments as their file is now. Raises SegmentsError."""
        own = self.segments or self.home / "segments.toml"
        return read_rules(own) if self.segments or own.exists() else built_in()

    @property
    def carts(self) -> CartRule:
        return CartRule(self.cart_minutes, self.cart_days)

    @property
    def audiences(self) -> AudienceFile:
        return AudienceFile(self.home / "audiences.toml")

    @property
    def input_folder(self) -> Path:
        return self.home / INPUT

    @property
    def archive_folder(self) -> Path:
        return self.home / ARCHIVE

    @property
    def serving_file(self) -> Path:
        return self.home / "serving.duckdb"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def broker_home(self) -> Path:
        return self.home / "kafka"

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        taken: set[str | None] = {self.topic}
        of_customers = {"AUDIENCE": self.audience_topic, "CARTS": self.carts_topic, "RECOVERED": self.recovered_topic}
        for name, topic in {"SALES": self.sales_topic, "CATALOG": self.catalog_topic, **of_customers}.items():
            if topic is not None and topic in taken:
                raise SettingsError(
                    f"SALESINSIGHTS_{name}_TOPIC={topic} is another topic of the shop: choose another name"
                )
            taken.add(topic)
        return self

    @model_validator(mode="after")
    def _horizons_are_in_order(self) -> Self:
        near, far = self.clv_near_days, self.clv_days
        if near > far or far > LONGEST_HORIZON:
            raise SettingsError(
                f"SALESINSIGHTS_CLV_NEAR_DAYS={near} and SALESINSIGHTS_CLV_DAYS={far}: set the shorter horizon to at "
                f"most the longer one, and both to at most {LONGEST_HORIZON} days"
            )
        return self

    @model_validator(mode="after")
    def _segments_can_be_read(self) -> Self:
        try:
            _ = self.segment_rules
        except SegmentsError as error:
            raise SettingsError(str(error)) from error
        return self

    @model_validator(mode="after")
    def _security_has_a_cluster_and_a_protocol(self) -> Self:
        options = self.kafka_sasl or self.kafka_ssl
        if not self.kafka_bootstrap_servers and (self.kafka_security_protocol or options):
            raise SettingsError(
                "KAFKA_BOOTSTRAP_SERVERS is not set but KAFKA_ security settings are: set it to HOST:PORT"
            )
        if options and not self.kafka_security_protocol:
            raise SettingsError(
                "KAFKA_SASL_* or KAFKA_SSL_* is set without KAFKA_SECURITY_PROTOCOL: set SASL_SSL or SSL"
            )
        return self

    @model_validator(mode="after")
    def _servers_have_ports(self) -> Self:
        servers = self.kafka_bootstrap_servers
        for server in servers.split(",") if servers else ():
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise SettingsError(f"KAFKA_BOOTSTRAP_SERVERS={servers!r}: {server.strip()!r} is not HOST:PORT")
        return self

    @model_validator(mode="after")
    def _store_can_be_asked(self) -> Self:
        wrong = wrong_store(self.lake, self.aws)
        if wrong:
            raise SettingsError(wrong)
        return self

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        wrong = wrong_mail(self) or wrong_login(self) or wrong_workers(self.celery, self.dagster_db)
        if wrong:
            raise SettingsError(wrong)
        return self

    @model_validator(mode="after")
    def _engine_reaches_the_lake(self) -> Self:
        if self.engine != HERE and "://" in self.lake:
            raise SettingsError(
                "SALESINSIGHTS_ENGINE needs a lake in a folder that its workers reach, and "
                "SALESINSIGHTS_LAKE is an object store: unset SALESINSIGHTS_ENGINE"
            )
        return self

    @model_validator(mode="after")
    def _registry_has_an_address(self) -> Self:
        url = self.schema_registry_url or ""
        if self.schema_registry_options and not url.startswith(("http://", "https://")):
            raise SettingsError("SCHEMA_REGISTRY_URL is not http:// or https://: set it, or unset SCHEMA_REGISTRY_*")
        return self


class _Variables(EnvSettingsSource):
    """The variables of `env`, and no others; an empty one is unset."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name: value for name, value in env.items() if value}

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:
        beginning, star, _ = str(field.validation_alias).partition("*")
        if not star:
            return value
        return {
            name.removeprefix(beginning).replace("_", ".").lower(): value
            for name, value in self.env_vars.items()
            if name.startswith(beginning)
        }


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting.

    Raises SettingsError for a value that can't be used.
    """
    try:
        return Settings(_build_sources=((_Variables(os.environ if env is None else env),), {}))
    except ValidationError as invalid:
        said = _first_of(invalid)
    # Not inside the handler: the cause says the same in more lines, and an error in a chain with it is never freed.
    raise SettingsError(said)


def _first_of(invalid: ValidationError) -> str:
    error = invalid.errors()[0]
    variable, value = error["loc"][0], error["input"]
    field = next(field for field in Settings.model_fields.values() if field.validation_alias == variable)
    if error["type"] == "value_error":
        said = error["ctx"]["error"]
        return f"{variable}={value} {said}" if field.repr else f"{variable} {said}"
    wrong = next(note for note in field.metadata if isinstance(note, Wrong))
    return f"{variable}={value!r} {wrong.words.format(default=field.default)}"
