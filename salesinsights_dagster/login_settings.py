"""The settings of who may look at the dashboard, and what is wrong with them together.

Add here: a setting of the login. Not here: other settings (`settings`), or what they do (`login`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings

from salesinsights_dagster import setting_types as kinds

if TYPE_CHECKING:
    from salesinsights_dagster.settings import Settings

_OF_EACH_WAY = {
    "proxy": ("proxy_header", "proxies"),
    "oidc": ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "dashboard_url"),
}
"""What each way needs."""


class LoginSettings(BaseSettings):
    """The part of `Settings` that says who may look."""

    model_config = kinds.FROM_ENVIRONMENT

    login: kinds.Login = Field(
        "off",
        description="who may look at the [dashboard](dashboard.md#who-may-look): `off` for everybody who reaches it; "
        "`users` of `salesinsights user add`; "
        "whom a `proxy` names; who logs in at a provider of OpenID Connect, `oidc`",
    )
    admins: kinds.NameList = Field(
        (),
        description="with `proxy` and `oidc`: the names of admins, separated by commas; `*` stands for any text",
    )
    readers: kinds.NameList = Field(
        (), description="with `proxy` and `oidc`: the names of readers, such as `*@shop.example`. Nobody else may look"
    )
    session_hours: kinds.Count = Field(12, description="after how many hours a visitor has to log in again")
    dashboard_url: kinds.WebAddress | None = Field(
        None,
        description="the address at which people open the dashboard, such as `https://sales.shop.example`: its host "
        "name is answered, and with https the login's cookie is sent over HTTPS only",
    )
    proxy_header: str | None = Field(
        None, description="with `proxy`: the header in which it names the visitor, such as `X-Forwarded-User`"
    )
    proxies: kinds.Networks = Field(
        (), description="with `proxy`: its addresses or networks, separated by commas, such as `127.0.0.1,10.0.3.0/24`"
    )
    oidc_issuer: kinds.WebAddress | None = Field(
        None, description="with `oidc`: the provider's address, below which it has `.well-known/openid-configuration`"
    )
    oidc_client_id: str | None = Field(None, description="with `oidc`: the name of this dashboard at the provider")
    oidc_client_secret: str | None = Field(None, repr=False, description="with `oidc`: its secret there")
    oidc_claim: str = Field(
        "email",
        description="with `oidc`: what of the provider's answer names a visitor. An `email` counts if it is verified",
    )
    metrics_token: str | None = Field(
        None,
        repr=False,
        description="what Prometheus sends as `Authorization: Bearer …` to read `/metrics` where a login is needed",
    )

    @property
    def session_length(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @property
    def dashboard_host(self) -> str | None:
        """The host name of the dashboard's public address."""
        return urlsplit(self.dashboard_url).hostname if self.dashboard_url else None


def wrong_login(settings: "Settings") -> str | None:
    """What is wrong with the login's settings together, with the remedy; None if nothing is."""
    for way, names in _OF_EACH_WAY.items():
        for name in names:
            variable, value = f"SALESINSIGHTS_{name.upper()}", getattr(settings, name)
            if settings.login == way and not value:
                return f"SALESINSIGHTS_LOGIN={way} needs {variable}: set it (docs/dashboard.md, Who may look)"
            if settings.login != way and value and name != "dashboard_url":
                unused = f"{variable} is set, but SALESINSIGHTS_LOGIN={settings.login} does not use it"
                return f"{unused}: set {way}, or unset it"
    if settings.login in _OF_EACH_WAY and not (settings.admins or settings.readers):
        return (
            f"SALESINSIGHTS_LOGIN={settings.login} lets nobody in: name people in SALESINSIGHTS_ADMINS and "
            "SALESINSIGHTS_READERS"
        )
    if settings.login not in _OF_EACH_WAY and (settings.admins or settings.readers):
        return (
            f"SALESINSIGHTS_ADMINS or SALESINSIGHTS_READERS is set, but SALESINSIGHTS_LOGIN={settings.login} does not "
            "use them: set proxy or oidc, or unset them"
        )
    return None
