"""Which way to be known the settings choose.

Add here: a way's parts from the settings. Not here: the settings (`login_settings`), a way itself.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.login.attempts import Attempts
from salesinsights_dagster.login.gate import Way
from salesinsights_dagster.login.proxy import ProxyLogin
from salesinsights_dagster.login.sessions import Sessions, session_key
from salesinsights_dagster.login.user_file import UserFile
from salesinsights_dagster.login.user_login import UserLogin
from salesinsights_dagster.login.visitor import Names
from salesinsights_dagster.settings import Settings

NOBODY = "SALESINSIGHTS_LOGIN=users, and there is no user yet: salesinsights user add NAME --role admin"
MISSING = "SALESINSIGHTS_LOGIN=oidc needs Authlib: pip install 'salesinsights[oidc]'"


class LoginError(ForeseenError):
    """Nobody could log in; the message says what helps."""


def users_of(home: Path) -> UserFile:
    """The home's file of users."""
    return UserFile(home / "users")


def way_of(settings: Settings, clock: Callable[[], datetime]) -> Way | None:
    """The way that the settings choose; None if everybody may look. Raises LoginError if nobody could log in."""
    names = Names(settings.admins, settings.readers)
    if settings.login == "off":
        return None
    if settings.login == "proxy":
        header = settings.proxy_header or ""
        return ProxyLogin(header, settings.proxies, names, settings.session_length, clock)
    key = session_key(settings.home)
    is_https = (settings.dashboard_url or "").startswith("https://")
    sessions = Sessions(key, settings.session_length, clock, is_https=is_https)
    if settings.login == "users":
        users = users_of(settings.home)
        if not users.users():
            raise LoginError(NOBODY)
        return UserLogin(users, sessions, Attempts(clock))
    return _at_a_provider(settings, names, sessions, key)


def _at_a_provider(settings: Settings, names: Names, sessions: Sessions, key: bytes) -> Way:
    try:
        from salesinsights_dagster.login.oidc import OidcLogin, Provider
    except ImportError as missing:
        raise LoginError(MISSING) from missing
    provider = Provider(
        settings.oidc_issuer or "",
        settings.oidc_client_id or "",
        settings.oidc_client_secret or "",
        settings.oidc_claim,
    )
    return OidcLogin(provider, settings.dashboard_url or "", names, sessions, key)
