"""How to reach a Kafka cluster: addresses, security, and the client options that every client shares.

Add here: an option that consumers, producers and admin clients share.
Not here: reading (`kafka_reader`), writing (`kafka_writer`), the environment (`salesinsights_dagster.settings`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Option = str | int | float | bool


@dataclass(frozen=True)
class KafkaConnection:
    """A cluster's address and the client's security options, under librdkafka's own option names.

    `security` may hold secrets; it is kept out of the repr so that no log or traceback shows it.
    """

    bootstrap_servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def options(self, **more: Option) -> dict[str, Option]:
        """The configuration of one client; keyword names use `_` for librdkafka's `.`."""
        named = {name.replace("_", "."): value for name, value in more.items()}
        # We raise failures; at its default log level librdkafka also prints each attempt to stderr.
        return {"bootstrap.servers": self.bootstrap_servers, "log_level": 2, **self.security, **named}
