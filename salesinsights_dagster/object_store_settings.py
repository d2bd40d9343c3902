"""What can be seen to be wrong with the settings of an object store before it is asked.

Asking would tell later, and some of it only after half a minute. Add here: a check of the `AWS_` variables.
Not here: what the store answers (`resources.object_store`).
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

_YES = ("1", "true", "on", "yes", "y")
_OTHER_KEYS = ("web.identity.token.file", "container.credentials.", "skip.signature")
"""How a store may be asked without an access key: the beginnings of options."""


def wrong_store(root: str, options: Mapping[str, str]) -> str | None:
    """What is wrong, with the remedy, if `root` is in an object store; None if nothing is.

    `options` are the variables `AWS_*` by what follows in lower case, with dots: `endpoint.url`.
    """
    if not root.startswith(("s3://", "s3a://")):
        return None
    if not urlsplit(root).netloc:
        return f"SALESINSIGHTS_LAKE={root} names no bucket: set s3://bucket/prefix"
    return _wrong_address(options) or _wrong_key(options)


def _wrong_address(options: Mapping[str, str]) -> str | None:
    address = _endpoint(options)
    # Not shown: an address may have a password in it.
    if address and not address.startswith(("http://", "https://")):
        return "AWS_ENDPOINT_URL is not http:// or https://: set it to the address of the store, with its scheme"
    if address.startswith("http://") and options.get("allow.http", "").lower() not in _YES:
        return "AWS_ENDPOINT_URL is plain HTTP: set AWS_ALLOW_HTTP=true too, or an address with https://"
    return None


def _wrong_key(options: Mapping[str, str]) -> str | None:
    key, secret = "access.key.id" in options, "secret.access.key" in options
    if key and not secret:
        return "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both"
    if secret and not key:
        return "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID: set both"
    host = urlsplit(_endpoint(options)).hostname or "amazonaws.com"
    if not key and not host.endswith("amazonaws.com") and not any(name.startswith(_OTHER_KEYS) for name in options):
        return "the lake is in an object store, without a key to it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return None


def _endpoint(options: Mapping[str, str]) -> str:
    return next((options[name] for name in ("endpoint.url.s3", "endpoint.url", "endpoint") if name in options), "")
