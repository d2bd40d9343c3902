from pathlib import Path
from traceback import format_exception

import pytest

from assets.customers.options import ClvOptions
from assets.customers.segment_rules import BUILT_IN
from salesinsights_dagster.settings import CHECKOUT, Settings, SettingsError, load_settings

PAGE = CHECKOUT / "docs" / "settings.md"


PROXY = {
    "SALESINSIGHTS_LOGIN": "proxy",
    "SALESINSIGHTS_PROXY_HEADER": "X-Forwarded-User",
    "SALESINSIGHTS_PROXIES": "127.0.0.1, 10.0.3.0/24",
    "SALESINSIGHTS_READERS": "*@shop.example",
}
OIDC = {
    "SALESINSIGHTS_LOGIN": "oidc",
    "SALESINSIGHTS_OIDC_ISSUER": "https://login.shop.example",
    "SALESINSIGHTS_OIDC_CLIENT_ID": "dashboard",
    "SALESINSIGHTS_OIDC_CLIENT_SECRET": "topsecret",
    "SALESINSIGHTS_DASHBOARD_URL": "https://sales.shop.example",
    "SALESINSIGHTS_ADMINS": "ann@shop.example",
}


def test_everything_has_a_default() -> None:
    settings = load_settings({})

    assert settings.kafka is None
    assert (settings.topic, settings.window_seconds, settings.poll_seconds) == ("shop.events", 45, 30)
    assert settings.lake == str(settings.home / "lake")


def test_the_page_tells_each_setting_its_default_and_what_it_means() -> None:
    usual = load_settings({})
    in_order = sorted(Settings.model_fields.items(), key=lambda field: field[0] not in Settings.__annotations__)
    due = [
        f"| `{field.validation_alias}` | {shown(getattr(usual, name), usual)} | {field.description} |"
        for name, field in in_order
    ]

    assert [line for line in PAGE.read_text().splitlines() if line.startswith("| `")] == due


def shown(default: object, usual: Settings) -> str:
    """A default as the page shows it: texts as code, numbers with commas, nothing where there is none."""
    if default is None or default in ({}, ()):
        return "none"
    if default == usual.home:
        return f"`{usual.home.relative_to(CHECKOUT)}` in the checkout"
    if isinstance(default, int | float):
        return f"{default:,}"
    return f"`{default}`".replace(str(usual.home), "$SALESINSIGHTS_HOME")


def test_only_the_given_variables_are_read_and_an_empty_one_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESINSIGHTS_TOPIC", "shop.elsewhere")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")

    assert load_settings({"SALESINSIGHTS_POLL_SECONDS": "", "SALESINSIGHTS_SALES_TOPIC": ""}) == load_settings({})
    assert load_settings({}).topic == "shop.events"


def test_without_a_mapping_the_environment_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESINSIGHTS_TOPIC", "shop.one")
    one = load_settings()
    monkeypatch.setenv("SALESINSIGHTS_TOPIC", "shop.two")

    assert (one.topic, load_settings().topic) == ("shop.one", "shop.two")


S3 = {
    "SALESINSIGHTS_LAKE": "s3://shop/lake",
    "AWS_ENDPOINT_URL": "http://minio:9000",
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "topsecret",
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SALESINSIGHTS_ENGINE": "spark://shop:7077"}, "SALESINSIGHTS_LAKE is an object store: unset SALESINSIGHTS_E"),
        ({"SALESINSIGHTS_LAKE": "s3://"}, "names no bucket: set s3://bucket/prefix"),
        ({"AWS_ENDPOINT_URL": "minio:9000"}, "AWS_ENDPOINT_URL is not http:// or https://: set"),
        ({"AWS_ALLOW_HTTP": ""}, "AWS_ENDPOINT_URL is plain HTTP: set AWS_ALLOW_HTTP=true"),
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "without a key to it: set AWS_ACCESS_KEY_ID"),
    ],
)
def test_an_object_store_that_cannot_be_asked_names_the_variable(changed: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings({**S3, **changed})

    assert "topsecret" not in str(raised.value)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"AWS_ENDPOINT_URL": "https://minio:9000", "AWS_ALLOW_HTTP": ""},
        {"AWS_ENDPOINT_URL": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        {"SALESINSIGHTS_LAKE": "/srv/lake", "AWS_ACCESS_KEY_ID": "", "AWS_ALLOW_HTTP": ""},
    ],
    ids=["with a key", "by TLS", "on Amazon, with the machine's role", "a folder"],
)
def test_an_object_store_that_can_be_asked_is_taken(changed: dict[str, str]) -> None:
    settings = load_settings({**S3, **changed})

    assert "topsecret" not in repr(settings)


def test_who_may_look_is_a_setting() -> None:
    behind_a_proxy, at_a_provider = load_settings(PROXY), load_settings(OIDC)

    assert load_settings({}).login == "off"
    assert [str(network) for network in behind_a_proxy.proxies] == ["127.0.0.1/32", "10.0.3.0/24"]
    assert behind_a_proxy.readers == ("*@shop.example",)
    assert (at_a_provider.dashboard_host, at_a_provider.admins) == ("sales.shop.example", ("ann@shop.example",))
    assert "topsecret" not in repr(at_a_provider)


def test_home_moves_everything() -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": "/srv/si"})

    assert (settings.home, settings.lake) == (Path("/srv/si"), "/srv/si/lake")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SALESINSIGHTS_WINDOW_SECONDS": "7.5"}, "SALESINSIGHTS_WINDOW_SECONDS='7.5' is not a whole number"),
        ({"SALESINSIGHTS_WINDOW_SECONDS": "7000"}, "does not divide a day evenly: choose"),
        ({"SALESINSIGHTS_FIRST_DAY": "2025-13-01"}, "SALESINSIGHTS_FIRST_DAY='2025-13-01' is not a day such as"),
        ({"SALESINSIGHTS_FIRST_DAY": "2018-12-31"}, "unset it to begin with the month of the oldest event"),
        ({"SALESINSIGHTS_ENGINE": "spark"}, "set spark://HOST:PORT of an Apache Spark cluster, sc://HOST"),
        ({"SALESINSIGHTS_POLL_SECONDS": "0"}, "unset it for 30"),
        (
            {"SALESINSIGHTS_CELERY": "amqp://shop:secret@mq"},
            "SALESINSIGHTS_CELERY is no Redis: set redis://HOST:6379/0",
        ),
        ({"SALESINSIGHTS_CELERY": "redis://mq"}, "set SALESINSIGHTS_DAGSTER_DB too, the database that all workers"),
        ({"SALESINSIGHTS_BACKFILL_RUNS": "0"}, "unset it for 1"),
        ({"SALESINSIGHTS_STREAM_MINUTES": "101"}, "is not a whole number from 0 to 100"),
        ({"SALESINSIGHTS_STREAM_MINUTES": "-1"}, "with 0 each run reads one backlog"),
        ({"SALESINSIGHTS_STREAM_IDLE_MINUTES": "0"}, "unset it for 30"),
        ({"SALESINSIGHTS_HOME": "/srv/50%"}, "HOME=/srv/50% has % in its path, which can't be read: choose"),
        ({"SALESINSIGHTS_LAKE": "/srv/[a]"}, r"LAKE=/srv/\[a\] has \[ and \] in its path"),
        ({"SALESINSIGHTS_LAKE": "/srv/a\\b"}, "in its path, which can't be read"),
        ({"SALESINSIGHTS_BATCH_ROWS": "-3"}, "SALESINSIGHTS_BATCH_ROWS"),
        ({"SALESINSIGHTS_DAGSTER_DB": "mysql://shop:secret@db/x"}, "SALESINSIGHTS_DAGSTER_DB is not the URL of a Post"),
        (
            {"SALESINSIGHTS_POSTGRES": "mysql://shop:secret@db/x"},
            "SALESINSIGHTS_POSTGRES is not the URL of a PostgreSQL",
        ),
        ({"SALESINSIGHTS_AUDIENCE_TOPIC": "shop.events"}, "AUDIENCE_TOPIC=shop.events is another topic of the shop"),
        ({"SALESINSIGHTS_CARTS_TOPIC": "shop.audiences"}, "CARTS_TOPIC=shop.audiences is another topic of the shop"),
        ({"SALESINSIGHTS_SALES_TOPIC": "shop.events"}, "SALES_TOPIC=shop.events is another topic of the shop"),
        ({"SALESINSIGHTS_CLV_MODEL": "pareto"}, "'pareto' is unknown: set one of best, bg_nbd, mbg_nbd"),
        ({"SALESINSIGHTS_CLV_UNIT": "month"}, "set one of week, day"),
        ({"SALESINSIGHTS_CLV_NEAR_DAYS": "400"}, "set the shorter horizon to at most the longer one"),
        ({"SALESINSIGHTS_CLV_DAYS": "9999"}, "at most 3650 days"),
        ({"SALESINSIGHTS_CLV_DISCOUNT": "-1"}, "is not a yearly rate"),
        ({"SCHEMA_REGISTRY_URL": "mock://registry"}, "SCHEMA_REGISTRY_URL is not http"),
        ({"SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": "shop:secret"}, "SCHEMA_REGISTRY_URL is not http"),
        ({"SALESINSIGHTS_MAIL_SERVER": "mail:secret"}, "MAIL_SERVER is no mail server: set smtp://"),
        ({"SALESINSIGHTS_MAIL_SERVER": "smtp://u:secret@mail"}, "MAIL_SERVER is set: set SALESINSIGHTS_MAIL_FROM"),
        ({"SALESINSIGHTS_LOGIN": "on"}, "'on' is unknown: set one of off, users, proxy, oidc"),
        ({"SALESINSIGHTS_LOGIN": "proxy"}, "LOGIN=proxy needs SALESINSIGHTS_PROXY_HEADER: set it"),
        ({"SALESINSIGHTS_PROXY_HEADER": "X-User"}, "but SALESINSIGHTS_LOGIN=off does not use it: set proxy"),
        ({"SALESINSIGHTS_READERS": "ann"}, "set proxy or oidc, or unset them"),
        ({**PROXY, "SALESINSIGHTS_PROXIES": "localhost"}, "PROXIES=localhost is not a list of addresses or networks"),
        ({**PROXY, "SALESINSIGHTS_READERS": ","}, "LOGIN=proxy lets nobody in: name people in SALESINSIGHTS_ADMINS"),
        ({**OIDC, "SALESINSIGHTS_DASHBOARD_URL": ""}, "LOGIN=oidc needs SALESINSIGHTS_DASHBOARD_URL"),
        ({**OIDC, "SALESINSIGHTS_LOGIN": "users"}, "OIDC_ISSUER is set, but SALESINSIGHTS_LOGIN=users does not use it"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "broker"}, "'broker' is not HOST:PORT"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:0"}, "'b:0' is not HOST:PORT"),
        ({"KAFKA_SASL_PASSWORD": "secret"}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:1", "KAFKA_SASL_PASSWORD": "secret"}, "set SASL_SSL or SSL"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:1", "KAFKA_SECURITY_PROTOCOL": "TLS"}, "'TLS' is unknown: set one of"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(env: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings(env)

    told, cause = "".join(format_exception(raised.value)), str(raised.value.__context__)
    assert "secret" not in told + cause
    assert "validation error" not in told


def test_the_database_url_keeps_its_driver_and_stays_out_of_the_repr() -> None:
    settings = load_settings({"SALESINSIGHTS_DAGSTER_DB": "postgresql://shop:secret@db/dagster"})

    assert settings.dagster_db == "postgresql+psycopg2://shop:secret@db/dagster"
    assert "secret" not in repr(settings)


def test_who_follows_gold_is_a_setting() -> None:
    usual = load_settings({})
    chosen = load_settings(
        {"SALESINSIGHTS_SALES_TOPIC": "off", "SALESINSIGHTS_POSTGRES": "postgresql://u:secret@db/shop"}
    )

    assert (usual.sales_topic, usual.postgres) == ("shop.product-sales", None)
    assert (chosen.sales_topic, chosen.postgres) == (None, "postgresql://u:secret@db/shop")
    assert "secret" not in repr(chosen)


def test_security_passes_through_and_stays_out_of_the_repr() -> None:
    kafka = load_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "broker:9093",
            "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_PASSWORD": "secret",
            "KAFKA_SSL_CA_LOCATION": "/ca.pem",
        }
    ).kafka

    assert kafka is not None
    assert (
        kafka.options(group_id="g").items()
        >= {
            "bootstrap.servers": "broker:9093",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.password": "secret",
            "ssl.ca.location": "/ca.pem",
            "group.id": "g",
        }.items()
    )
    assert "secret" not in repr(kafka)


def test_how_lifetime_value_is_predicted_is_a_setting() -> None:
    names = {"MODEL": "mbg_nbd", "UNIT": "day", "NEAR_DAYS": "30", "DAYS": "180", "DISCOUNT": "0.08"}

    chosen = load_settings({f"SALESINSIGHTS_CLV_{name}": value for name, value in names.items()})

    assert chosen.clv == ClvOptions(True, 1, 30, 180, 0.08)
    assert load_settings({}).clv == ClvOptions() == ClvOptions(None, 7, 90, 365, 0.1)


def test_no_secret_is_shown_and_each_reaches_its_client_as_text() -> None:
    settings = load_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "broker:9093",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_PASSWORD": "20251126",
            "KAFKA_SSL_KEY_PASSWORD": "20251126",
            "SALESINSIGHTS_ALERT_WEBHOOK": "https://hooks.example/20251126",
            "SCHEMA_REGISTRY_URL": "https://registry:20251126@registry.example",
            "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": "shop:20251126",
        }
    )

    assert settings.kafka is not None
    assert (settings.kafka.security["sasl.password"], settings.kafka.security["ssl.key.password"]) == ("20251126",) * 2
    assert settings.schema_registry == {
        "url": "https://registry:20251126@registry.example",
        "basic.auth.user.info": "shop:20251126",
    }
    assert "20251126" not in repr(settings) + str(settings)


def test_the_rules_of_segments_are_those_of_the_home_or_of_the_file_that_is_named(tmp_path: Path) -> None:
    usual = {"SALESINSIGHTS_HOME": str(tmp_path)}
    other = BUILT_IN.read_text().replace("active = 0.5", "active = 0.9")
    assert load_settings(usual).segment_rules.active == 0.5

    (tmp_path / "segments.toml").write_text(other)
    named = {**usual, "SALESINSIGHTS_SEGMENTS": str(BUILT_IN)}
    assert [load_settings(env).segment_rules.active for env in (usual, named)] == [0.9, 0.5]

    (tmp_path / "segments.toml").write_text(other.replace('name = "loyal"', "name = 7"))
    with pytest.raises(SettingsError, match="segments 2 name: Input should be a valid string"):
        load_settings(usual)
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load_settings({**usual, "SALESINSIGHTS_SEGMENTS": str(tmp_path / "none.toml")})
