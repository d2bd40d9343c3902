"""An S3 server in a process of its own: it notes each request, and answers with a fault on demand.

In a process of its own, since a reader of Delta Lake may hold Python's lock while it waits for an answer.
Add here: what a store may do. Not here: what becomes of it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import MSG_PEEK, SHUT_RDWR, socket
from threading import Lock
from typing import Any
from urllib.request import Request as Call
from urllib.request import urlopen

import boto3  # type: ignore[import-untyped]

KEY, SECRET, REGION = "AKIASHOP", "a-secret-that-nobody-sees", "us-east-1"

NOBODY = "http://127.0.0.1:9"
"""Nobody listens there."""

RESET, SILENCE = 0, -1
"""Instead of an answer's status: the connection is reset, or nothing is said until the client gives up."""

_CONTROL = "/-control-"


@dataclass(frozen=True)
class Fault:
    """What the server answers to requests that match `method` and `path`, patterns; after so many `times` no more.

    `path` is found in the path with the query. `passing` of them get their answer first. With `has_happened`, the
    request is carried out before it fails.
    """

    status: int
    code: str = ""
    method: str = ".*"
    path: str = ".*"
    times: int = 1_000_000
    passing: int = 0
    more: str = ""
    has_happened: bool = False

    @property
    def body(self) -> str:
        """As a store words it."""
        said = f"<Code>{self.code}</Code><Message>No.</Message>{self.more}<AWSAccessKeyId>{KEY}</AWSAccessKeyId>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{said}</Error>' if self.code else ""


FAULTS = {
    "wrong key": (Fault(403, "InvalidAccessKeyId"), "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    "wrong secret": (Fault(403, "SignatureDoesNotMatch"), "Set AWS_SECRET_ACCESS_KEY"),
    "old token": (Fault(400, "ExpiredToken"), "and AWS_SESSION_TOKEN with them"),
    "access denied": (Fault(403, "AccessDenied"), "to list the bucket and to read, write and delete"),
    "a proxy denies": (Fault(403), "to list the bucket and to read, write and delete"),
    "wrong clock": (Fault(403, "RequestTimeTooSkewed"), "Set the clock that is wrong"),
    "missing bucket": (Fault(404, "NoSuchBucket"), "Create it, or name another one in SALESINSIGHTS_LAKE"),
    "another region": (Fault(301, "PermanentRedirect"), "Set AWS_REGION to the bucket's region"),
    "another region, told": (
        Fault(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>"),
        "Set AWS_REGION to the bucket's region, eu-west-1",
    ),
    "full": (Fault(507, "XMinioStorageFull"), "Make space there or raise the bucket's quota"),
    "quota": (Fault(403, "QuotaExceeded"), "Make space there or raise the bucket's quota"),
    "too busy": (Fault(503, "SlowDown"), "the store is too busy"),
    "too many requests": (Fault(429, "TooManyRequests"), "the store is too busy"),
    "broken": (Fault(500, "InternalError"), "Look into its log, then run again"),
    "unknown": (Fault(418, "Teapot"), "(Teapot)"),
}
"""What a store may refuse, each with the remedy that is due."""


class S3Server:
    """moto's server. It knows no keys and takes every signature."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self.answered = 0

    @property
    def settings(self) -> Mapping[str, str]:
        """The variables that lead to the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> None:
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        boto3.client("s3", endpoint_url=self.url, region_name=REGION, **keys).create_bucket(Bucket=name)

    def fill(self, bucket: str, folder: Path) -> None:
        """Put the folder's files into the bucket, and take all others out of it."""
        self._tell({"fill": bucket, "folder": str(folder)})

    def save(self, bucket: str, folder: Path) -> None:
        """Write the bucket's objects as files into the folder."""
        self._tell({"save": bucket, "folder": str(folder)})

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """Answer so during the block; `answered` is then how often that was."""
        self._tell({"fault": asdict(fault)})
        try:
            yield
        finally:
            self.answered = int(self._tell({}))

    def requests(self) -> list[str]:
        """Method and path of each request since the last call."""
        with urlopen(f"{self.url}{_CONTROL}") as answer:
            return list(json.load(answer))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _tell(self, fault: object) -> bytes:
        with urlopen(Call(f"{self.url}{_CONTROL}", json.dumps(fault).encode())) as answer:
            return bytes(answer.read())


class _Server:
    """The process: moto behind a door that can be told what to answer."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        self._noted: list[str] = []
        self._fault: Fault | None = None
        self._met = 0
        self._lock, self._turn = Lock(), Lock()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        from werkzeug.wrappers import Request, Response

        request = Request(environ)
        if request.path == _CONTROL:
            return Response(self._told(request.get_data()))(environ, start)
        fault = self._due(request.method, request.full_path)
        if fault is None:
            return (self._object(request) or self._by_moto)(environ, start)
        if fault.has_happened:
            self._by_moto(environ, lambda *_: lambda _: None)
        else:
            request.get_data()
        if fault.status == SILENCE:
            _await_end(environ["werkzeug.socket"])
        if fault.status in (RESET, SILENCE):
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        return Response(fault.body, max(fault.status, 0) or 500, content_type="application/xml")(environ, start)

    def _by_moto(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """One after the other: moto fails at a listing while an object is deleted, and asks and writes in two steps."""
        with self._turn:
            return list(self._moto(environ, start))

    def _object(self, request: Any) -> Any:
        """An object straight from moto's memory: most requests are for one, and moto's own way takes ten times the CPU.

        None for whatever else is asked: moto answers that.
        """
        from werkzeug.wrappers import Response

        _, bucket, key = f"{request.path}//".split("/", 2)
        held = self._store.buckets.get(bucket)
        found = held.keys.get(key[:-2]) if held and request.method in ("GET", "HEAD") else None
        if found is None or request.query_string:
            return None
        value = found.value
        answer = Response(value, headers={"ETag": found.etag, "Last-Modified": found.last_modified_RFC1123})
        return answer.make_conditional(request.environ, accept_ranges=True, complete_length=len(value))

    def _due(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            self._noted.append(f"{method} {path}")
            fault = self._fault
            if fault is None or not (re.fullmatch(fault.method, method) and re.search(fault.path, path)):
                return None
            self._met += 1
            return fault if fault.passing < self._met <= fault.passing + fault.times else None

    def _told(self, body: bytes) -> str:
        told = json.loads(body) if body else None
        if told and "folder" in told:
            return self._filled(**told) if "fill" in told else self._saved(**told)
        with self._lock:
            if told is None:
                noted, self._noted = self._noted, []
                return json.dumps(noted)
            answered = min(max(self._met - self._fault.passing, 0), self._fault.times) if self._fault else 0
            self._fault, self._met = Fault(**told["fault"]) if told else None, 0
            return str(answered)

    def _filled(self, fill: str, folder: str) -> str:
        self._store.buckets[fill].keys.clear()
        for path in Path(folder).rglob("*"):
            if path.is_file():
                self._store.put_object(fill, path.relative_to(folder).as_posix(), path.read_bytes())
        return ""

    def _saved(self, save: str, folder: str) -> str:
        for name in self._store.buckets[save].keys:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._store.get_object(save, name).value)
        return ""

    @property
    def _store(self) -> Any:
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _await_end(connection: socket) -> None:
    """Wait until the client closes its connection."""
    with suppress(ConnectionError):
        connection.recv(1, MSG_PEEK)


if __name__ == "__main__":
    from werkzeug.serving import WSGIRequestHandler, make_server

    class _Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, _Server(), threaded=True, request_handler=_Quiet)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
