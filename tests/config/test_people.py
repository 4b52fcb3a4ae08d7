"""Who is asked for an agent, and when people work."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import wiring
from gateway.config import Settings, load_settings
from gateway.errors import ConfigError

AGENT = '[agents.support]\nkind = "scripted"\n'


def load(folder: Path, text: str) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(folder)}, path)


def test_everything_is_read_and_told_to_the_core(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[workspace]\nworking_hours = " Mon-Fri  09:00-17:00"\n'
        + AGENT
        + 'operators = ["ann@acme.example"]\nteam = "First line"\nrouting = "round_robin"\n'
        + 'away_message = "We are back at nine."\n',
    )
    assert settings.workspace.working_hours == "Mon-Fri 09:00-17:00"
    assert len(settings.workspace.week.shifts) == 5
    agent = wiring.build(settings).agents["support"]
    assert agent.operators == ("ann@acme.example",)
    assert (agent.team, agent.routing) == ("First line", "round_robin")
    assert agent.away_message == "We are back at nine."


def test_without_a_word_everybody_works_always(tmp_path: Path) -> None:
    settings = load(tmp_path, AGENT)
    assert settings.workspace.working_hours == "always"
    assert settings.agents["support"].operators == ()
    assert settings.agents["support"].routing == "queue"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[workspace]\nworking_hours = "9 to 5"', "workspace.working_hours: '9' is no day"),
        ('[workspace]\nworking_hours = ""', "workspace.working_hours: is empty"),
        (AGENT + 'operators = ["Ann"]', "agents.support.operators[0]: must be an e-mail address"),
        (AGENT + 'operators = "ann@acme.example"', "agents.support.operators: must be a list"),
        (AGENT + 'routing = "random"', 'agents.support.routing: must be one of "queue", "round_'),
        (AGENT + "team = 7", "agents.support.team: must be text"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(tmp_path, text)
    assert any(one.startswith(problem) for one in told.value.problems), told.value.problems
