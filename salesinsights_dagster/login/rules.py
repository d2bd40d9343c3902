"""What a visitor may do by address: what is open to all, to readers, and to admins.

Whatever no line here names is for who is logged in, and below the addresses of customers for admins. Add here: an
address that needs another rule. Not here: how it is held (`gate`).
"""

import hmac

from starlette.requests import HTTPConnection

from salesinsights_dagster.login.visitor import Role

ALIVE, METRICS = "/healthz", "/metrics"
LOGIN, LOGOUT, PROVIDER = "/login", "/logout", "/oidc"

_CUSTOMERS = "/api/customers"
_OF_MANY = (
    "value_bands",
    "segments",
    "cohorts",
    "segment_months",
    "segment_moves",
    "expected_sales",
    "sales_backtest",
    "retention",
    "audiences",
)
"""Tables of customers that name none."""

_PAGES_SOCKET = "/_nicegui_ws/"
"""Where a page that has no web socket posts what its visitor clicks."""

LINKS_OF_A_READER = "\n".join(
    [
        f'a[href^="{_CUSTOMERS}"] {{ display: none; }}',
        *(f'a[href^="{_CUSTOMERS}/{name}"] {{ display: inline; }}' for name in _OF_MANY),
    ]
)
"""A page's style that hides links which would be refused."""


def role_for(method: str, path: str) -> Role:
    """Who may ask this. Customers are taken away, and things are changed, by admins."""
    names_customers = path.startswith(_CUSTOMERS) and path not in {f"{_CUSTOMERS}/{name}" for name in _OF_MANY}
    changes = method not in ("GET", "HEAD") and not path.startswith(_PAGES_SOCKET)
    return "admin" if names_customers or changes else "reader"


def is_open(connection: HTTPConnection, metrics_token: str | None) -> bool:
    """Whether anybody may ask: whether the dashboard is alive; its metrics for who has their token."""
    path = connection.scope["path"]
    if path == METRICS and metrics_token:
        given = connection.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {metrics_token}".encode())
    return bool(path == ALIVE)


def is_export(path: str, kind: str) -> bool:
    """Whether this answer is written down: every file, and customers also as JSON."""
    return path.startswith("/api/") and (kind.startswith("text/csv") or role_for("GET", path) == "admin")
