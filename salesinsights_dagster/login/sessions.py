"""Sessions: a signed cookie says who logged in and until when.

The key lies in the home, readable by its owner alone; without it no cookie counts. Add here: what a cookie says.
Not here: whose password was right (`user_file`), who the provider says it is (`oidc`).
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

KEY = "login.key"


@dataclass(frozen=True)
class Session:
    """Who logged in. `stamp` is what must still hold of the user; empty where only the names count."""

    name: str
    stamp: str
    until: datetime
    number: str


class Sessions:
    """Makes, reads and ends sessions of `length`. `is_https`: the cookie is sent over HTTPS only."""

    def __init__(self, key: bytes, length: timedelta, clock: Callable[[], datetime], *, is_https: bool) -> None:
        self._signed = URLSafeSerializer(key, "salesinsights.session", signer_kwargs={"digest_method": hashlib.sha256})
        self._length, self._clock, self._is_https = length, clock, is_https
        self._ended: dict[str, datetime] = {}
        self.cookie = "__Host-salesinsights" if is_https else "salesinsights"

    def begin(self, response: Response, name: str, stamp: str = "") -> None:
        """Put a session that begins now into the response."""
        until = self._clock() + self._length
        said = {"name": name, "stamp": stamp, "until": until.timestamp(), "number": secrets.token_urlsafe(12)}
        self._put(response, str(self._signed.dumps(said)), int(self._length.total_seconds()))

    def of(self, connection: HTTPConnection) -> Session | None:
        """The session of a request; None without one, or if it has ended or was not signed by us."""
        try:
            said = self._signed.loads(connection.cookies.get(self.cookie, ""))
        except BadData:
            return None
        found = Session(said["name"], said["stamp"], datetime.fromtimestamp(said["until"], UTC), said["number"])
        return None if found.until <= self._clock() or found.number in self._ended else found

    def end(self, connection: HTTPConnection, response: Response) -> None:
        """Log out: no copy of the cookie counts any more, until a restart, which forgets that."""
        found, now = self.of(connection), self._clock()
        if found is not None:
            self._ended = {number: until for number, until in self._ended.items() if until > now}
            self._ended[found.number] = found.until
        self._put(response, "", 0)

    def _put(self, response: Response, value: str, seconds: int) -> None:
        # Lax: a link in a message opens a page for who is logged in; another site's form or picture sends no cookie.
        response.set_cookie(
            self.cookie, value, max_age=seconds, path="/", secure=self._is_https, httponly=True, samesite="lax"
        )


def session_key(home: Path) -> bytes:
    """The key of this home, made at the first call. Who deletes it ends all sessions at the next start."""
    path = home / KEY
    if not path.exists():
        made = home / f"{KEY}.{os.getpid()}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as key:
            key.write(secrets.token_bytes(32))
        with suppress(FileExistsError):  # another process was faster: its key counts
            os.link(made, path)
        made.unlink()
    path.chmod(0o600)
    return path.read_bytes()
