"""Sends events of OpenLineage to whoever takes them by HTTP, such as Marquez or DataHub.

Add here: how an event is sent. Not here: what one says (`assets.serving.openlineage_events`).
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

REFUSED = range(400, 500)
PASSING = (401, 403, 404, 408, 429)
"""Answers that another try, or another setting, may change; any other of REFUSED is about the event itself."""


class LineageReceiverError(RuntimeError):
    """The receiver did not take an event, and may take it later."""


@dataclass(frozen=True)
class LineageReceiver:
    """Takes events at `url`, such as http://marquez:5000, below which is api/v1/lineage."""

    url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 5

    def send(self, event: "RunEvent") -> str | None:
        """Send one event. Returns why the receiver will never take it, if it says so; None once it has taken it.

        Raises LineageReceiverError if it does not answer, or may take the event later.
        """
        import requests
        from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

        login = ApiKeyTokenProvider({"apiKey": self.key}) if self.key else TokenProvider({})
        # Tried again at the sensor's next look, not here.
        transport = HttpTransport(HttpConfig(url=self.url, timeout=self.timeout, auth=login, retry={"total": 0}))
        try:
            transport.emit(event)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in REFUSED and status not in PASSING:
                return f"it answered {status}"
            raise LineageReceiverError(f"the receiver of OpenLineage answered {status}") from None
        except requests.RequestException as error:
            raise LineageReceiverError(
                f"the receiver of OpenLineage does not answer ({type(error).__name__})"
            ) from None
        finally:
            transport.close()
        return None
