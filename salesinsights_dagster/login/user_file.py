"""The users of a small shop: a file in the home, a line each, `name:role:hash`.

Passwords are kept as Argon2id hashes, with the parameters that RFC 9106 names for little memory. Add here: what is kept
of a user. Not here: the command (`commands.user`), sessions.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.login.visitor import ROLES, Role

SHORTEST = 12
"""Characters of a password. A long one that is easy to remember is better than a short one with signs in it."""

LONGEST = 1_024
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,100}")
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


class UserFileError(ForeseenError):
    """The file of users, a name or a password can't be used; the message says what helps."""


@dataclass(frozen=True)
class User:
    """A line of the file."""

    role: Role
    hash: str

    @property
    def stamp(self) -> str:
        """Changes with the password, so that sessions end that were begun with the former one."""
        return hashlib.sha256(self.hash.encode()).hexdigest()[:16]


class UserFile:
    """Users by name. What another process writes counts from the next question on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[object, Mapping[str, User]] = None, {}

    def users(self) -> Mapping[str, User]:
        """All users, none if there is no file. Raises UserFileError for a line that can't be read."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        state = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._read[0] != state:
            self._read = state, dict(_user(line, self.path) for line in self.path.read_text().splitlines())
        return self._read[1]

    def put(self, name: str, role: Role, password: str) -> None:
        """Add the user, or exchange role and password. Raises UserFileError for a name or a password of no use."""
        if not _NAME.fullmatch(name):
            raise UserFileError(f"{name!r} is no user's name: use letters, digits and . _ @ + -, at most 100")
        if not SHORTEST <= len(password) <= LONGEST:
            raise UserFileError(f"the password is too short: choose one of at least {SHORTEST} characters")
        self._write({**self.users(), name: User(role, _HASHER.hash(password))})

    def remove(self, name: str) -> None:
        """Raises UserFileError if there is no such user."""
        if name not in self.users():
            raise UserFileError(f"there is no user {name}: `salesinsights user list` names them")
        self._write({known: user for known, user in self.users().items() if known != name})

    def is_password(self, name: str, password: str) -> bool:
        """Whether it is the user's; it takes as long for an unknown name. About 50 ms of a core and 64 MB."""
        user = self.users().get(name)
        try:
            _HASHER.verify(user.hash if user else _NOBODY, password[: LONGEST + 1])
        except VerificationError:
            return False
        return user is not None

    def _write(self, users: Mapping[str, User]) -> None:
        made = self.path.with_name(f"{self.path.name}.new")
        made.unlink(missing_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as lines:
            lines.writelines(f"{name}:{user.role}:{user.hash}\n" for name, user in sorted(users.items()))
            lines.flush()
            os.fsync(lines.fileno())
        made.replace(self.path)


_NOBODY = _HASHER.hash(os.urandom(16))


def _user(line: str, path: Path) -> tuple[str, User]:
    name, _, rest = line.partition(":")
    role, _, kept = rest.partition(":")
    try:
        # Not a check of the password: whether the hash is one.
        _HASHER.check_needs_rehash(kept)
    except InvalidHashError:
        kept = ""
    if not _NAME.fullmatch(name) or role not in ROLES or not kept:
        raise UserFileError(
            f"{path}: the line of {name[:100]!r} is not name:role:hash; `salesinsights user add` writes it"
        )
    return name, User("admin" if role == "admin" else "reader", kept)
