"""Java, and the jars that it runs: Apache Kafka as Maven resolves it from `pom.xml`.

Add here: what has to be on the machine before a broker can start.
Not here: the broker's own folder (`storage`).
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from salesinsights_dagster.broker.broker_error import BrokerError
from salesinsights_dagster.broker.file_lock import locked

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
INSTALL_JAVA = "install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
INSTALL_MAVEN = "install it (Debian: apt-get install maven)"
MAVEN_SECONDS = 900


def find_java() -> str:
    """The path of the machine's Java.

    Raises BrokerError if there is none, or it is too old for Kafka.
    """
    path = shutil.which("java")
    if path is None:
        raise BrokerError(f"Java is missing: {INSTALL_JAVA}")
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    told = answer.stderr + answer.stdout
    major = _major_version(told)
    if major is None:
        raise BrokerError(f"{path} does not report its version ({' '.join(told.split())[:200]}): {INSTALL_JAVA}")
    if major < OLDEST_JAVA:
        raise BrokerError(f"Java {major} at {path} is too old for Kafka 4: {INSTALL_JAVA}")
    return os.path.abspath(path)


def resolve_jars(libs: Path, progress: Callable[[str], None], pom: Path = POM) -> Path:
    """The folder with the jars of this pom, resolved once: its name is the pom's hash.

    The folder gets its name only when Maven is done, so an interrupted resolve starts over.
    Raises BrokerError if Maven is missing or fails.
    """
    done = jars_folder(libs, pom)
    if done.exists():
        return done
    with locked(libs / "lock"):
        if not done.exists():
            progress("Resolving Apache Kafka with Maven (about 45 MB, once)")
            partial = libs / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            _run_maven(pom, partial)
            partial.rename(done)
    return done


def jars_folder(libs: Path, pom: Path = POM) -> Path:
    """Where the jars of this pom are, once they are resolved."""
    return libs / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]


def _run_maven(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError(f"Maven is missing: {INSTALL_MAVEN}")
    quiet = ["--quiet", "--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"]
    goal = ["--file", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    try:
        answer = subprocess.run(
            [maven, *quiet, *goal],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=MAVEN_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _unresolved(f"took longer than {MAVEN_SECONDS} s", "") from error
    told = answer.stdout + answer.stderr
    if answer.returncode:
        raise _unresolved(f"ended with code {answer.returncode}", told)
    if not any(folder.glob("kafka_*.jar")):
        raise _unresolved("copied no Kafka", told)


def _unresolved(fact: str, told: str) -> BrokerError:
    lines = [line for line in told.splitlines() if line.strip()][:8]
    remedy = "check the network, or the mirror in Maven's settings.xml, and start again"
    return BrokerError("\n".join([f"Maven could not resolve Apache Kafka, it {fact}: {remedy}", *lines]))


def _major_version(told: str) -> int | None:
    """17 of `version "17.0.15"`, 8 of `version "1.8.0_292"`."""
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match[1]) if match else None
