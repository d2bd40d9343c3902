"""Resolving the jars, with a stand-in for Maven."""

import os
from pathlib import Path

import pytest

from salesinsights_dagster.broker.broker_error import BrokerError
from salesinsights_dagster.broker.jars import resolve_jars

COPY = """#!/bin/sh
for word in "$@"; do case "$word" in -DoutputDirectory=*) folder="${word#*=}" ;; esac; done
mkdir -p "$folder" && touch "$folder/kafka_2.13.jar"
"""


def silent(step: str) -> None:
    """Say nothing."""


def install_maven(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "mvn").write_text(script)
    (folder / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def pom(tmp_path: Path) -> Path:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    return pom


def test_jars_are_resolved_once(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(tmp_path / "bin", monkeypatch, COPY)
    told: list[str] = []
    first = resolve_jars(tmp_path / "libs", told.append, pom)
    assert [jar.name for jar in first.iterdir()] == ["kafka_2.13.jar"]
    assert resolve_jars(tmp_path / "libs", told.append, pom) == first
    assert len(told) == 1


def test_a_changed_pom_is_resolved_again(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(tmp_path / "bin", monkeypatch, COPY)
    first = resolve_jars(tmp_path / "libs", silent, pom)
    pom.write_text("<project><!-- newer --></project>")
    second = resolve_jars(tmp_path / "libs", silent, pom)
    assert second != first
    assert (second / "kafka_2.13.jar").exists()


def test_an_interrupted_resolve_starts_over(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(tmp_path / "bin", monkeypatch, COPY + "touch $folder/half.jar; kill -9 $$\n")
    with pytest.raises(BrokerError, match="ended with code -9"):
        resolve_jars(tmp_path / "libs", silent, pom)
    install_maven(tmp_path / "bin", monkeypatch, COPY)
    jars = resolve_jars(tmp_path / "libs", silent, pom)
    assert [jar.name for jar in jars.iterdir()] == ["kafka_2.13.jar"]


def test_a_failed_resolve_says_what_maven_said(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(tmp_path / "bin", monkeypatch, "#!/bin/sh\necho '[ERROR] Unknown host'\nexit 1\n")
    with pytest.raises(BrokerError, match=r"(?s)could not resolve.*check the network.*Unknown host"):
        resolve_jars(tmp_path / "libs", silent, pom)


def test_a_maven_that_copies_nothing_has_failed(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(tmp_path / "bin", monkeypatch, "#!/bin/sh\nexit 0\n")
    with pytest.raises(BrokerError, match="copied no Kafka"):
        resolve_jars(tmp_path / "libs", silent, pom)


def test_missing_maven_names_the_remedy(tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="Maven is missing: install it"):
        resolve_jars(tmp_path / "libs", silent, pom)
