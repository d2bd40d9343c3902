"""README, CONTRIBUTING and docs name nothing that is not there, and the README's first hour runs as it is written."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from resources.kafka_connection import KafkaConnection
from salesinsights_dagster.cli import main
from salesinsights_dagster.settings import CHECKOUT

PAGES = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")]
README = (CHECKOUT / "README.md").read_text()


def code(page: str) -> Iterator[str]:
    """What a page says to type: indented lines without their comments, and words in backticks."""
    yield from (line.split("  #")[0].strip() for line in page.splitlines() if line.startswith("    "))
    yield from re.findall(r"`([^`\n]+)`", page)


def anchors(page: Path) -> set[str]:
    """The places that links may lead to: headings as GitHub names them, and those with an id."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


def named(command: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and what follows its name."""
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    lost = []
    for link in links:
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)

    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_is_there(page: Path) -> None:
    for line in code(page.read_text()):
        match = re.match(r"(?:[A-Z_]+=\S+ )*(?:\$ )?salesinsights ([a-z].*)", line)
        if not match:
            continue
        words = match[1].replace(" / ", " ").split()
        command, rest = named(main, words[:1] if "/" in match[1] else words)
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    wanted = {found[1] for line in code(page.read_text()) if (found := re.match(r"make ([a-z]+)", line))}

    assert wanted <= targets


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    words = code((CHECKOUT / page).read_text())
    paths = [word for word in words if re.fullmatch(r"[a-z_.]+(/[\w.]+)+/?", word) and "NAME" not in word]

    assert [path for path in paths if not (CHECKOUT / path).exists() and _is_ours(path)] == []


def _is_ours(path: str) -> bool:
    """Not a table or a topic: those are named by layer, as folders are."""
    return path.split("/")[0] in ("assets", "docs", "resources", "salesinsights_dagster", "sensors", "tests")


@pytest.mark.kafka
def test_the_first_hour_runs_as_the_readme_says(
    tmp_path: Path, real_kafka: KafkaConnection, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = README.partition("## Step by step")[2].partition("\n\n")[2].partition("\n\n")[0]
    lines = [line.split("  #")[0].strip() for line in section.splitlines()]
    monkeypatch.chdir(tmp_path)
    environment = {
        "SALESINSIGHTS_HOME": str(tmp_path / "home"),
        "SALESINSIGHTS_TOPIC": topic,
        "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
    }

    done = {}
    for line in lines:
        _, *words = shlex.split(line)
        if line.startswith("salesinsights") and words not in (["dev"], ["dashboard"]):
            done[words[0]] = CliRunner().invoke(main, words, env=environment, catch_exceptions=False)
            assert done[words[0]].exit_code == 0, (line, done[words[0]].output)

    assert list(done) == ["kafka", "simulate", "produce", "ingest", "sql", "audit"]
    assert done["produce"].stdout == "2019-Oct.csv: 20,000 rows published\n"
    assert "product_id" in done["sql"].stdout
