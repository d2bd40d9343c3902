"""Sends a short text to a web address, such as an incoming webhook of Slack.

Add here: how a message is sent. Not here: when, and what it says (`assets.stream.alarms`, `sensors.alert_sensor`).
"""

import json
import urllib.error
import urllib.request


class WebhookError(RuntimeError):
    """The message was not accepted; the error does not name the address, which may hold a secret."""


def post_text(url: str, text: str, timeout: float = 10) -> None:
    """POST {"text": text} as JSON. Raises WebhookError if there is no answer, or one other than 2xx."""
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        raise WebhookError(f"the webhook answered {error.code}: check SALESINSIGHTS_ALERT_WEBHOOK") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise WebhookError(f"the webhook does not answer ({reason}): check SALESINSIGHTS_ALERT_WEBHOOK") from None
