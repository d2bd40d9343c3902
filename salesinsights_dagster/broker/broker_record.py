"""What is remembered about a running broker, in `broker.json` in its home folder.

Add here: a fact that a later command needs about a broker that an earlier one started.
Not here: whether it is still true (`DetachedProcess.is_alive`).
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from salesinsights_dagster.broker.broker_error import BrokerError
from salesinsights_dagster.broker.broker_process import DetachedProcess
from salesinsights_dagster.broker.ports import LOCALHOST


@dataclass(frozen=True)
class BrokerRecord:
    """A broker that was started: its process and the port that clients use."""

    process: DetachedProcess
    port: int

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOCALHOST}:{self.port}"

    def save(self, path: Path) -> None:
        """Write the whole file, or nothing."""
        partial = path.with_suffix(".partial")
        home = str(path.parent.absolute())
        fields = {"pid": self.process.pid, "started": self.process.started, "port": self.port, "home": home}
        partial.write_text(json.dumps(fields) + "\n")
        os.replace(partial, path)


def load_record(path: Path) -> BrokerRecord | None:
    """The record; None if there is none, or if it came with a copy of another home, whose broker it is.

    Raises BrokerError for a file that is not a record.
    """
    try:
        fields = json.loads(path.read_text())
        if fields["home"] != str(path.parent.absolute()):
            return None
        return BrokerRecord(DetachedProcess(int(fields["pid"]), str(fields["started"])), int(fields["port"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BrokerError(f"{path} is not the record of a broker: remove it, and start again") from error
