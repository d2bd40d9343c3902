"""Ports of this machine.

Add here: a question about a local port.
Not here: who listens on it (`broker_record`).
"""

import errno
import socket

from resources.foreseen_error import ForeseenError

LOCALHOST = "127.0.0.1"


class PortError(ForeseenError):
    """Nothing can listen at this address; the message says why, and what to choose."""


def check_port(port: int, host: str = LOCALHOST) -> None:
    """Raises PortError if a server could not listen there now, so that it ends at once instead of halfway."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken: stop what listens there, or" if taken else f"can't be used ({error.strerror}):"
        raise PortError(f"port {port} of {host} {why} choose another one with --port") from error


def free_ports(preferred: int) -> tuple[int, int]:
    """The preferred port, or a free one if it is taken; and a second free port."""
    with socket.socket() as first, socket.socket() as second:
        return _bind(first, preferred), _bind(second, 0)


def accepts(port: int) -> bool:
    """Whether something listens on this port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOCALHOST, port)) == 0


def _bind(probe: socket.socket, preferred: int) -> int:
    # Bind as the broker does: a port on which a stopped broker's connections linger is not taken.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((LOCALHOST, preferred))
    except OSError:
        probe.bind((LOCALHOST, 0))
    port: int = probe.getsockname()[1]
    return port
