"""The broker's folder on disk: its settings, its formatted data, its logs.

Add here: a file or folder that the broker reads or writes.
Not here: settings of single topics (whoever creates the topic), the jars (`jars`).
"""

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from string import Template

from salesinsights_dagster.broker.broker_error import BrokerError
from salesinsights_dagster.broker.file_lock import is_locked_by_java

SETTINGS = "server.properties"
LOGGING = "log4j2.properties"
DATA = "data"
LOGS = "logs"
CONSOLE = "logs/console.log"
TAIL_LINES = 12


def write_settings(home: Path, port: int, controller_port: int, data: str = DATA) -> None:
    """Fill in this package's templates for one start. The broker runs inside `home`, so no path needs quoting."""
    (home / LOGS).mkdir(parents=True, exist_ok=True)
    template = Template(Path(__file__).with_name(SETTINGS).read_text())
    settings = template.substitute(port=port, controller_port=controller_port, data=data)
    (home / SETTINGS).write_text(settings)
    shutil.copyfile(Path(__file__).with_name(LOGGING), home / LOGGING)


def format_data(home: Path, java: list[str]) -> None:
    """Format the data folder if there is none; `java` is the start of a command line, up to the class path.

    Formats a folder beside it and renames that, so an interrupted format never looks complete. Raises BrokerError if
    the data folder holds something else.
    """
    data, fresh = home / DATA, home / f"{DATA}.new"
    if data.exists():
        cluster_id(home)
        return
    shutil.rmtree(fresh, ignore_errors=True)
    write_settings(home, 1, 2, fresh.name)
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _new_cluster_id(), "--config", SETTINGS]
    answer = subprocess.run([*java, *tool], cwd=home, capture_output=True, text=True, check=False)
    if answer.returncode:
        told = (answer.stderr + answer.stdout).strip()
        raise BrokerError(f"Kafka could not format {data}: check that the disk has room and is writable\n{told}")
    fresh.rename(data)


def cluster_id(home: Path) -> str:
    """The id that the data was formatted with."""
    path = home / DATA / "meta.properties"
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError as error:
        raise BrokerError(
            f"{path.parent} is not the data of a broker: move it away, or remove it with `salesinsights kafka wipe`"
        ) from error
    return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]


def check_unheld(home: Path) -> None:
    """Raise BrokerError if a broker without a record runs on this data."""
    lock = home / DATA / ".lock"
    if is_locked_by_java(lock):
        raise BrokerError(
            f"A broker without a record runs on {lock.parent}: end it (`fuser {lock}` names it), then retry"
        )


def remove_data(home: Path) -> None:
    """Remove data and logs; the jars stay."""
    for folder in (DATA, f"{DATA}.new", LOGS):
        if (home / folder).exists():
            shutil.rmtree(home / folder)


def last_words(home: Path) -> str:
    """The end of what the broker printed: its errors if it had any, else its log; without stack frames."""
    for name in (CONSOLE, "logs/broker.log"):
        path = home / name
        text = path.read_text(errors="replace") if path.exists() else ""
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\tat ")]
        if lines:
            return "\n".join([f"The end of {path}:", *lines[-TAIL_LINES:]])
    return f"Nothing was printed to {home / LOGS}"


def _new_cluster_id() -> str:
    # The tool would take an id that begins with "-" for an option.
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
