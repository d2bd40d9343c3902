"""Visitors whom a reverse proxy names: it has its own login, and says in a header who asks.

Add here: nothing else. Not here: who may look (`visitor.Names`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from salesinsights_dagster.login.visitor import Names, Visitor

Networks = Sequence[IPv4Network | IPv6Network]


class ProxyLogin:
    """The way of a proxy's header. It counts from the proxies' own addresses alone, and only if it is there once.

    A web socket is looked at again by the proxy when its time is over: it closes, and the page opens another one.
    """

    doors: ASGIApp | None = None
    paths: Sequence[str] = ()

    def __init__(
        self, header: str, proxies: Networks, names: Names, length: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._header, self._proxies, self._names = header, proxies, names
        self._length, self._clock = length, clock

    def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Whom the proxy names."""
        named = connection.headers.getlist(self._header)
        if len(named) != 1 or not self._is_proxy(connection):
            return None
        name = named[0].strip()
        role = self._names.role_of(name) if name else None
        return Visitor(name, role, self._clock() + self._length, can_log_out=False) if role else None

    def _is_proxy(self, connection: HTTPConnection) -> bool:
        if connection.client is None:
            return False
        try:
            address = ip_address(connection.client.host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)
