"""An object store in place of the lake's folder: how long it is asked again, and what its refusals mean.

Add here: what a store may answer, with the remedy. Not here: how tables are read and written (`lake_table`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from resources.lake_errors import LakeError

RETRY = {
    "max_retries": "100",
    "retry_timeout": "30s",
    "backoff_config.init_backoff": "100ms",
    "backoff_config.max_backoff": "5s",
    "backoff_config.base": "3",
}
"""For so long a request is sent again, with growing pauses, while the store is away, has an error or is too busy. What
it refuses for another reason is not asked again. By default it would be 10 times, which takes 3 seconds."""


class StoreError(LakeError):
    """The object store refused, or can't be reached. The message names the bucket, the prefix and the store."""


class ObjectGoneError(StoreError):
    """An object that a table names is not in the store."""


@contextmanager
def refusals_named(name: str, uri: str, did: str) -> Iterator[None]:
    """Raise StoreError for what the store of `uri` refuses in the block; any other error passes.

    `did` is what was to be done with the table `name`: "read" or "written".
    """
    try:
        yield
    except LakeError:
        raise
    except Exception as error:
        said = None if "://" not in uri or uri.startswith("file://") else _meaning(str(error))
        if said is None:
            raise
        # Not with its cause: the store's answer may repeat what was signed, a session token too.
        kind = ObjectGoneError if said.startswith(_CODES["NoSuchKey"]) else StoreError
        raise kind(f"{name} can't be {did} {_place(uri, str(error))}: {said}") from None


def one_line(error: Exception) -> str:
    """The error without colours and XML."""
    plain = re.sub(r"\s*\x1b\[\d+m(↳)?\x1b?(\[0m)?|<[^>]*>", " ", str(error))
    return re.sub(r"\s+", " ", plain).strip()


def _place(uri: str, text: str) -> str:
    place = urlsplit(uri)
    asked = re.search(r"Error performing \w+ (https?)://(?:[^/\s]*@)?([^/\s]+)", text)
    store = "" if asked is None or _NO_KEY.search(text) else f" at {asked[1]}://{asked[2]}"
    return f"in bucket {place.netloc} under {place.path.strip('/')}{store}"


_NO_KEY = re.compile(r"Missing (SecretAccessKey|AccessKeyId)|http://169\.254\.|http://\[fd00:ec2")

_NEW_KEY = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_ALLOW = (
    "Allow the key of AWS_ACCESS_KEY_ID to list the bucket and to read, write and delete objects under the prefix, or "
    "set the key of somebody who may"
)
_OTHER_REGION = "the bucket is in another region than AWS_REGION says"
_FULL = "the store is full. Make space there or raise the bucket's quota, then run again"
_BUSY = "the store is too busy, and stayed so for half a minute. Run again later, or raise its limit of requests"

_CODES = {
    "InvalidAccessKeyId": f"the store does not know the access key. {_NEW_KEY}",
    "SignatureDoesNotMatch": "the secret does not belong to the access key. Set AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": f"the session token has expired. {_NEW_KEY}, and AWS_SESSION_TOKEN with them",
    "InvalidToken": f"the session token is not valid. {_NEW_KEY}, and AWS_SESSION_TOKEN with them, or unset it",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ too much. Set the clock that is wrong",
    "AccessDenied": f"the key may not do this. {_ALLOW}",
    "AllAccessDisabled": f"the key may not do this. {_ALLOW}",
    "NoSuchBucket": "the bucket does not exist. Create it, or name another one in SALESINSIGHTS_LAKE",
    "PermanentRedirect": f"{_OTHER_REGION}. Set AWS_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": f"{_OTHER_REGION}. Set AWS_REGION to the bucket's region",
    "IllegalLocationConstraintException": f"{_OTHER_REGION}. Set AWS_REGION to the bucket's region",
    "QuotaExceeded": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "NoSuchKey": "an object that the table names is gone, or the bucket is. Run again, in case it was replaced "
    "meanwhile; if somebody deleted it, take it from a backup",
    "SlowDown": _BUSY,
    "NotImplemented": "the store can't do what Delta Lake needs, such as a write that fails if the object exists "
    "(If-None-Match). Use a store with conditional writes",
}
"""What the store's codes mean, each with its remedy."""

_STATUS = {
    "301": _CODES["PermanentRedirect"],
    "307": _CODES["PermanentRedirect"],
    "401": _CODES["InvalidAccessKeyId"],
    "403": _CODES["AccessDenied"],
    "404": _CODES["NoSuchKey"],
    "429": _BUSY,
    "501": _CODES["NotImplemented"],
    "503": _BUSY,
    "507": _FULL,
}
"""What an answer without a code means: a store's own error has none that reaches us."""

_PHRASES = (
    (
        _NO_KEY.pattern,
        f"there is no access key, and the machine has no role. {_NEW_KEY}",
    ),
    (
        "URL scheme is not allowed",
        "the store is asked by plain HTTP. Set AWS_ALLOW_HTTP=true, or an AWS_ENDPOINT_URL with https://",
    ),
    ("File not found: ", _CODES["NoSuchKey"]),
    ("redirect without LOCATION", _CODES["PermanentRedirect"]),
    ("dns error", "no server of this name is found. Check AWS_ENDPOINT_URL and the network"),
    (
        "(?i)certificate|tls|InvalidContentType",
        "no safe connection comes about. Check that AWS_ENDPOINT_URL begins with the scheme that the store speaks, "
        "https:// or http://, and that this machine trusts its certificate",
    ),
    (
        r"client error \(Connect\)|Connection refused|error sending request|connection closed",
        "the store does not answer, and did not for half a minute. Start it, or check AWS_ENDPOINT_URL and the network",
    ),
    ("(?i)timed out|timeout has", "the store does not answer in time. Check it and the network, then run again"),
)
"""What the words of the client mean."""


def _meaning(text: str) -> str | None:
    """The fact and the remedy; None if the error is not a store's, or only says that another writer came first."""
    if not re.search("Error performing|Generic S3 error|Object Store error|File not found: ", text):
        return None
    code = re.search(r"<Code>(\w+)</Code>", text)
    if code and code[1] in _CODES:
        return f"{_CODES[code[1]]}{_region(text)} ({code[1]})"
    said = next((meaning for words, meaning in _PHRASES if re.search(words, text)), None)
    status = re.search(r"non-2xx status code\D*?(?:\[\d+m\D*)*(\d{3})\b", text)
    if said is None and status:
        if status[1] in ("409", "412"):
            return None
        said = _STATUS.get(status[1], "the store has an error of its own. Look into its log, then run again")
        return f"{said} ({code[1] if code else f'HTTP {status[1]}'})"
    return said or "the store's answer makes no sense. Check AWS_ENDPOINT_URL"


def _region(text: str) -> str:
    found = re.search(r"<Region>([\w-]+)</Region>", text)
    return f", {found[1]}" if found else ""
