"""The documentation is whole and true: what the code names is told, and what is told is there."""

from __future__ import annotations

import dataclasses
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app.metrics import Metrics
from gateway.channels.intercom import findings, health
from gateway.channels.intercom.translate import TOPICS
from gateway.cli import main
from gateway.config import load_settings
from gateway.config import settings as all_settings
from gateway.config.environment import VARIABLES
from gateway.config.resolve import PLACEHOLDER
from gateway.demo.shop_story import ShopStory
from gateway.demo.story import Story
from gateway.handover import TABLE
from gateway.store import Database
from gateway.sync import outage
from gateway.watch import judging

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SECRET = "whsec_YSBzZWNyZXQgb2YgdHdlbnR5LWZvdXIgYg=="

# A fence may stand in a list, indented.
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)


def read(page: Path | str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for _, language, inner in _FENCE.findall(read(page)):
        if language in languages:
            yield textwrap.dedent(inner)


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def named(page: str) -> set[str]:
    """Return what stands in `code` outside of blocks, each also word by word."""
    found = set(_CODE.findall(without_blocks(read(page))))
    return found | {word for code in found for word in re.findall(r"[\w.-]+", code)}


over_pages = pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)


# -- settings ----------------------------------------------------------------------------------

SETTINGS = [
    kind
    for kind in vars(all_settings).values()
    if dataclasses.is_dataclass(kind) and isinstance(kind, type)
]
# Not keys of the file: tables themselves, a table's name, and what comes from the environment.
_NOT_KEYS = {
    "Settings": {field.name for field in dataclasses.fields(all_settings.Settings)},
    **{
        kind.__name__: {"name"}
        for kind in SETTINGS
        if issubclass(kind, all_settings.AgentSettings | all_settings.ChannelSettings)
    },
}


def rows(page: str) -> dict[str, list[str]]:
    """Return a page's table rows by each `code` in their first cell."""
    found: dict[str, list[str]] = {}
    for line in read(page).splitlines():
        first, *rest = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        if line.startswith("|"):
            for code in _CODE.findall(first):
                found.setdefault(code, []).append(" | ".join(rest))
    return found


@pytest.mark.parametrize("kind", SETTINGS, ids=[kind.__name__ for kind in SETTINGS])
def test_every_setting_is_documented(kind: type[Any]) -> None:
    told = rows("docs/configuration.md") | {name: [] for name in told_in_words()}
    for field in dataclasses.fields(kind):
        if field.name not in _NOT_KEYS.get(kind.__name__, ()):
            assert field.name in told, f"{kind.__name__}.{field.name} is not in configuration.md"


def told_in_words() -> set[str]:
    """Return the keys of inner tables, which a sentence tells instead of a row."""
    sentence = re.search(r"^`handover` holds (.*)$", read("docs/configuration.md"), re.MULTILINE)
    assert sentence
    return set(_CODE.findall(sentence[1]))


@pytest.mark.parametrize("kind", SETTINGS, ids=[kind.__name__ for kind in SETTINGS])
def test_documented_defaults_are_the_codes(kind: type[Any]) -> None:
    told = rows("docs/configuration.md")
    for field in dataclasses.fields(kind):
        spelled = _spelled(field.default)
        if field.name in told and spelled is not None and field.name != "base_url":
            defaults = [row.split(" | ")[0].strip().strip("`") for row in told[field.name]]
            assert spelled in defaults, f"{kind.__name__}.{field.name} is {spelled}: {defaults}"


def _spelled(default: Any) -> str | None:
    """Return a default as TOML has it; None where the page may use words."""
    match default:
        case bool():
            return str(default).lower()
        case str():
            line = default.replace("\n", "\\n")
            return f'"{line}"' if default != "automatic" else None
        case float():
            return f"{default:g}" if default < 1e5 else None
        case _:
            return None


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_environment_variable_is_documented(variable: str) -> None:
    assert variable in rows("docs/configuration.md")


def test_no_table_of_the_file_is_forgotten() -> None:
    headings = " ".join(_HEADING.findall(read("docs/configuration.md")))
    for table in (
        *("[workspace]", "[agents.NAME]", "[channels.NAME]", "[[subscribers]]"),
        *("[smtp]", "[alerts]"),
    ):
        assert table in headings
    for kind in SETTINGS:
        if getattr(kind, "kind", None):
            assert f'kind = "{kind.kind}"' in headings


# -- examples ----------------------------------------------------------------------------------

TOML = [
    pytest.param(page, block, id=f"{page.name}-{index}")
    for page in PAGES
    for index, block in enumerate(blocks(page, "toml"))
]


@pytest.mark.parametrize(("page", "block"), TOML)
def test_examples_of_the_file_load(page: Path, block: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(block, encoding="utf-8")
    environ = dict.fromkeys(PLACEHOLDER.findall(block), SECRET)
    settings = load_settings({"GATEWAY_DATA_DIR": str(tmp_path), **environ}, path)
    assert settings.agents or settings.channels, f"{page.name}: an example of nothing"


def test_there_are_examples() -> None:
    assert len(TOML) >= 5


# -- commands ----------------------------------------------------------------------------------


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [*commands(main)], ids=" ".join)
def test_every_command_is_documented(path: tuple[str, ...]) -> None:
    told = read("docs/operations.md")
    assert re.search(rf"`gateway {' '.join(path)}\b", told), f"gateway {' '.join(path)}"


def lines_to_type() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page, "sh", "bash", "console", ""):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"\||&&|;|\$\(", line):
                    found = re.match(r"\s*(?:\$ )?(gateway .*)", part)
                    if found:
                        yield page.name, found[1].rstrip(") ")


@pytest.mark.parametrize(("page", "line"), sorted(set(lines_to_type())))
def test_commands_in_blocks_can_be_typed(page: str, line: str) -> None:
    """Each is parsed by the command itself, arguments and options, and not run."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        if not words:
            return
        name = words.pop(0)
        assert name in command.commands, f"{page}: {line}"
        command = command.commands[name]
    command.make_context(line, words)


@over_pages
def test_commands_in_sentences_exist(page: Path) -> None:
    known = {*commands(main)}
    for code in _CODE.findall(without_blocks(read(page))):
        words = code.split()
        if words[0] != "gateway" or len(words) == 1 or words[1].startswith("-"):
            continue
        path = tuple(word for word in words[1:3] if re.fullmatch(r"[a-z]+", word))
        assert path[:1] in known, f"{page.name}: {code}"
        if isinstance(main.commands[path[0]], click.Group) and len(path) > 1:
            assert path in known, f"{page.name}: {code}"
        options = {
            option
            for step in (path[:1], path)
            if step in known
            for parameter in _command(step).params
            for option in parameter.opts
        }
        assert {word for word in words if word.startswith("--")} <= options, f"{page.name}: {code}"


def _command(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        text = read(page)
        told = re.findall(r"`make ([a-z]+)`", text) + re.findall(r"^ *make ([a-z]+)", text, re.M)
        assert set(told) <= targets, page.name


def test_the_transcript_in_the_readme_is_of_this_story() -> None:
    (transcript,) = blocks(ROOT / "README.md", "text")
    nobody: Any = None  # the steps are listed, not played
    steps = (*Story(nobody, nobody, nobody).steps(), *ShopStory(nobody, nobody, nobody).steps())
    assert re.findall(r"^\d\. (.*)$", transcript, re.M) == [step.title for step in steps]
    assert "every step happened" in transcript
    assert "✗" not in transcript


# -- what is watched and what is heard ---------------------------------------------------------


def test_every_metric_is_documented(migrated_sqlite_url: str) -> None:
    database = Database(migrated_sqlite_url)
    try:
        families = [*text_string_to_metric_families(Metrics(database).text().decode())]
    finally:
        database.dispose()
    told = rows("docs/operations.md")
    assert len(families) >= 8
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name in told, name


def test_every_documented_metric_exists(migrated_sqlite_url: str) -> None:
    database = Database(migrated_sqlite_url)
    try:
        text = Metrics(database).text().decode()
    finally:
        database.dispose()
    for name in rows("docs/operations.md"):
        if name.startswith("gateway_"):
            assert f"# TYPE {name} " in text, name


def log_lines() -> set[str]:
    said = re.compile(r'\blog\.(?:info|warning|error)\(\s*"([a-z_]+)"')
    sources = (ROOT / "gateway").glob("**/*.py")
    return {name for source in sources for name in said.findall(source.read_text("utf-8"))}


def test_log_lines_are_documented_and_exist() -> None:
    section = read("docs/operations.md").split("## Logs")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in _CODE.findall(cell)} == log_lines()


def test_every_finding_is_documented_and_exists() -> None:
    section = read("docs/operations.md").split("## Health and alerts")[1].split("\n## ")[0]
    told = [line.split("|")[1].strip(" `") for line in section.splitlines() if "| `" in line[:3]]
    assert sorted(told) == sorted({*health.CODES, *judging.CODES, outage.CODE})


def test_every_topic_is_documented() -> None:
    told = named("docs/intercom.md")
    for topic in (*TOPICS, *findings.TOPICS, "ping"):
        assert topic in told, topic


def test_documented_topics_to_tick_are_doctors() -> None:
    section = read("docs/intercom.md").split("## Topics")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(code for cell in cells for code in _CODE.findall(cell)) == sorted(findings.TOPICS)


def test_the_readme_names_only_topics_to_tick() -> None:
    topics = {word for word in named("README.md") if word.startswith("conversation")}
    assert topics == {topic for topic in findings.TOPICS if topic.startswith("conversation")}


def test_every_intercom_setting_of_a_grey_area_is_in_its_table() -> None:
    told = named("docs/intercom.md")
    plain = {"name", "access_token", "client_secret", "base_url", "api_version", "agent"}
    plain |= {"retention_days", "payload_days"}  # of every channel
    for field in dataclasses.fields(all_settings.IntercomSettings):
        if field.name not in plain:
            assert field.name in told, field.name


def test_the_size_of_the_table_is_told_truly() -> None:
    inputs: Mapping[Any, Any] = next(iter(TABLE.values()))
    numbers = {5: "five", 16: "sixteen"}
    sentence = f"each of {numbers[len(TABLE)]} states"
    assert sentence in read("docs/architecture.md")
    assert f"each of {numbers[len(inputs)]} inputs" in read("docs/architecture.md")


# -- links and rooms ---------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    made: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
        made.add(plain.replace(" ", "-"))
    return made


@over_pages
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(without_blocks(read(page))):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leads out of the repository"
        if parts.fragment and target.suffix == ".md":
            assert parts.fragment in anchors(read(target)), f"{page.name}: {link}"


def test_every_page_is_in_the_index() -> None:
    index = read("docs/README.md")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def test_files_that_are_named_exist() -> None:
    """Paths such as `conversations/lanes.py`, in the pages that describe the code."""
    for name in ("docs/architecture.md", "docs/adding-a-channel.md", "docs/configuration.md"):
        folders = [ROOT, ROOT / "gateway", *(ROOT / "gateway").glob("**/")]
        for code in _CODE.findall(without_blocks(read(name))):
            if re.fullmatch(r"[\w./-]+\.(py|toml)", code) and code != "gateway.toml":
                assert any((folder / code).exists() for folder in folders), f"{name}: {code}"


def test_the_tests_that_the_readme_names_exist() -> None:
    told = {code for code in named("README.md") if code.startswith("tests/")}
    assert told
    for folder in told:
        assert list((ROOT / folder).glob("**/test_*.py")), folder


def test_the_threat_model_names_tests_that_exist() -> None:
    told = {code for code in named("docs/threat-model.md") if code.startswith("tests/")}
    assert len(told) > 40
    for place in sorted(told):
        path, _, name = place.partition("::")
        assert (ROOT / path).exists(), place
        if name:
            assert f"def {name}(" in read(path), place


def test_every_row_of_the_threat_model_names_a_test() -> None:
    rows_ = [line for line in read("docs/threat-model.md").splitlines() if line.startswith("| ")]
    answers = [line for line in rows_ if re.match(r"\| [A-Z]\d \| (?!\*\*)", line)]
    assert len(answers) > 25
    for line in answers:
        assert "`tests/" in line, line


def test_every_room_is_on_a_floor_of_the_architecture() -> None:
    told = named("docs/architecture.md")
    for room in (ROOT / "gateway").iterdir():
        name = room.stem
        if not name.startswith("_") and (room.suffix == ".py" or (room / "__init__.py").exists()):
            assert name in told, f"gateway/{room.name} stands on no floor in architecture.md"
