"""The container, the compose file, the dashboard and the alert rules name only what there is.

No Docker runs here, so the image itself is not built: what can be read is checked.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.app.metrics import Metrics
from gateway.cli import main
from gateway.config.environment import VARIABLES
from gateway.config.resolve import PLACEHOLDER
from gateway.store import Database

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
OURS = {name for name, one in SERVICES.items() if one["image"].startswith("channel-gateway")}
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
# Not ours: of Docker's images, and of the web server.
THEIRS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "WEB_CONCURRENCY", "IMAGE_TAG"}
EXACT = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?(-slim)?-bookworm(-slim)?")


def instructions(kind: str) -> list[str]:
    text = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{kind} (.*)$", text, re.MULTILINE)


def parse(words: list[str]) -> None:
    """Parse a command as the image's entry point would, without running it."""
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context("test", list(words))


# -- the image ---------------------------------------------------------------------------------


def test_foreign_images_are_pinned_to_a_version() -> None:
    images = [line.split()[0] for line in instructions("FROM")]
    images += [one["image"] for name, one in SERVICES.items() if name not in OURS]
    assert len(images) == 5
    for image in images:
        assert EXACT.fullmatch(image), image
    assert len({image for image in images if image.startswith("python")}) == 1


def test_the_image_runs_as_nobody_special_and_holds_no_secret() -> None:
    *_, user = instructions("USER")
    assert user == "10001:10001"
    assert DOCKERFILE.index("USER") > DOCKERFILE.rindex("RUN")
    assert not re.search(r"(SECRET|TOKEN|PASSWORD)\w*=", DOCKERFILE)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored, "what is not named does not get in"
    assert not [line for line in ignored if line.startswith("!") and "env" in line]
    assert "/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_what_the_image_is_built_of_is_there_and_let_in() -> None:
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for line in instructions("COPY"):
        if line.startswith("--from"):
            continue
        *sources, _ = shlex.split(line)
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in let_in, f"{source} is kept out by .dockerignore"


def test_everything_comes_from_lock_files_with_hashes() -> None:
    runs = " ".join(instructions("RUN"))
    for part in re.findall(r"pip (?:install|wheel) ([^&]*)", runs):
        assert "--require-hashes" in part or "--no-deps" in part, part


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    # Where it is needed at all depends on who asks for it, and is none of the version.
    return {entry.split("==")[0]: re.sub(r" ; .*(?= \\)", "", entry.strip()) for entry in entries}


def test_the_image_has_the_versions_that_are_tested() -> None:
    everything, runs = locked("requirements.lock"), locked("deploy/requirements.lock")
    for name, entry in runs.items():
        assert entry == everything[name], f"{name}: run `make lock`"
    assert {"flask", "gunicorn", "openai", "opentelemetry-sdk"} <= runs.keys()
    assert not {"mypy", "pytest", "playwright", "ruff"} & runs.keys()


def test_the_images_own_command_can_be_typed() -> None:
    (entry,) = instructions("ENTRYPOINT")
    assert json.loads(entry) == ["gateway"]
    (command,) = instructions("CMD")[-1:]
    parse(json.loads(command))


# -- the compose file --------------------------------------------------------------------------


def test_every_role_is_there() -> None:
    assert set(SERVICES) == {
        "database", "valkey", "migrate", "web", "turns", "deliver", "sync", "scheduler",
    }  # fmt: skip
    assert SERVICES["web"]["deploy"]["replicas"] == 2
    workers = {tuple(SERVICES[kind]["command"]) for kind in ("turns", "deliver", "sync")}
    assert workers == {("worker", "--only", kind) for kind in ("turns", "deliver", "sync")}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_commands_can_be_typed(name: str) -> None:
    parse(SERVICES[name]["command"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_may_do_little_and_wait_for_what_they_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["depends_on"]["database"]["condition"] == "service_healthy"
    if name == "migrate":
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        waited = service["depends_on"]["migrate"]["condition"]
        assert waited == "service_completed_successfully"


@pytest.mark.parametrize("name", ["database", "valkey", "web"])
def test_whoever_is_waited_for_tells_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_every_variable_is_a_documented_setting_and_every_secret_is_given() -> None:
    set_by_us = {key for name in OURS for key in SERVICES[name]["environment"]}
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE))
    for variable in set_by_us | asked | set(instructions_env()):
        assert variable in VARIABLES or variable in THEIRS | {"PATH", "PYTHONDONTWRITEBYTECODE"}
    told = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert asked <= told.keys()
    assert {value for key, value in told.items() if key != "IMAGE_TAG"} == {""}
    for secret in ("POSTGRES_PASSWORD", "GATEWAY_SECRET_KEY"):
        assert f"${{{secret}:?" in COMPOSE, f"{secret} has no default"
    example = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert told.keys() - asked <= set(PLACEHOLDER.findall(example))


def instructions_env() -> list[str]:
    return re.findall(r"(\w+)=", " ".join(instructions("ENV")))


# -- what is watched ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def offered(_migrated_sqlite: Path) -> dict[str, set[str]]:
    """Every metric that `/metrics` offers, with its labels as docs/operations.md has them."""
    database = Database(f"sqlite:///{_migrated_sqlite}")
    families = [*text_string_to_metric_families(Metrics(database).text().decode())]
    database.dispose()
    names: set[str] = set()
    for family in families:
        if family.type == "counter":
            names.add(f"{family.name}_total")
        elif family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(family.name)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`gateway_[^|]*) \|([^|]*)\|", page, re.MULTILINE)
    labels = {
        name: set(re.findall(r"`(\w+)`", told))
        for first, told in rows
        for name in re.findall(r"`(\w+)`", first)
    }
    return {
        name: labels[re.sub(r"_(bucket|sum|count)$", "", name)]
        | ({"le"} if name.endswith("_bucket") else set())
        for name in names
    }


def dashboard() -> list[str]:
    board = json.loads((ROOT / "deploy/grafana/channel-gateway.json").read_text("utf-8"))
    panels = [one for one in board["panels"] if one["type"] != "row"]
    assert len(panels) > 15
    assert len({one["id"] for one in board["panels"]}) == len(board["panels"])
    variables = [one["definition"] for one in board["templating"]["list"] if "definition" in one]
    return [target["expr"] for one in panels for target in one["targets"]] + variables


def alerts() -> list[str]:
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"]
    return [rule["expr"] for rule in group["rules"]]


@pytest.mark.parametrize("expressions", [dashboard(), alerts()], ids=["grafana", "prometheus"])
def test_only_metrics_and_labels_that_exist_are_asked_for(
    expressions: list[str], offered: dict[str, set[str]]
) -> None:
    for expression in expressions:
        found = re.findall(r"\b(gateway_\w+)(?:\{([^}]*)\})?", expression)
        assert found, expression
        for name, matchers in found:
            assert name in offered, f"{name} in {expression}"
            used = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
            used |= {
                label.strip()
                for group in re.findall(r"by \(([^)]*)\)", expression)
                for label in group.split(",")
            }
            assert used <= offered[name], f"{used - offered[name]} in {expression}"


def test_the_dashboard_shows_every_metric(offered: dict[str, set[str]]) -> None:
    shown = {name for one in dashboard() for name in re.findall(r"\bgateway_\w+", one)}
    unseen = {name for name in offered if not re.search(r"_(sum|count)$", name)} - shown
    assert not unseen
