"""Rules and limits of agents, and a model's settings: what is read, and what is told of slips."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import OpenAIAgentSettings
from gateway.rules import HandoverRule
from tests.config.test_load import load, problems_of

AGENT = '[agents.a]\nkind = "scripted"\n'
RULE = "[[agents.a.handover_rules]]\n"
MODEL = '[agents.a]\nkind = "openai"\nmodel = "m"\n'


def test_rules_are_read(tmp_path: Path) -> None:
    text = AGENT + "".join(
        RULE + rule
        for rule in (
            'phrases = ["a human", "42"]\nreason = "Asked."\n',
            'phrases = ["lawyer"]\ncustomer_request = false\n',
            "unhelpful_turns = 3\n",
            'result = "refund"\nabove = 500\n',
            'parameter = "age"\nabove = 12.5\nbelow = 18\n',
            'parameter = "vip"\nequals = true\n',
        )
    )
    agent = load(tmp_path, text + "").agents["a"]
    assert agent.handover_rules == (
        HandoverRule(phrases=("a human", "42"), reason="Asked."),
        HandoverRule(phrases=("lawyer",), customer_request=False),
        HandoverRule(unhelpful_turns=3),
        HandoverRule(result="refund", above=500.0),
        HandoverRule(parameter="age", above=12.5, below=18.0),
        HandoverRule(parameter="vip", equals=True),
    )
    assert (agent.loop_guard_turns, agent.max_answers_a_day) == (5, 200)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("reason = 'x'", ": needs exactly one of phrases, unhelpful_turns, parameter, result"),
        ('phrases = ["a"]\nunhelpful_turns = 3', ": needs exactly one of"),
        ("phrases = []", ".phrases: is an empty list"),
        ('phrases = "a"', ".phrases: must be a list in square brackets"),
        ('phrases = ["a", "  "]', ".phrases[1]: is empty"),
        ('phrases = ["!?"]', ".phrases: must hold a letter or a digit each"),
        ("phrases = ['" + "x" * 201 + "']", ".phrases: must not be longer than 200 characters"),
        ("phrases = [" + "'x'," * 201 + "]", ".phrases: must not be more than 200"),
        ('phrases = ["a"]\nabove = 3', ".above: goes with parameter or result only"),
        ("unhelpful_turns = 0", ".unhelpful_turns: must be a whole number from 1 to 100"),
        ("unhelpful_turns = true", ".unhelpful_turns: must be a whole number from 1 to 100"),
        ("unhelpful_turns = 2.5", ".unhelpful_turns: must be a whole number from 1 to 100"),
        ('result = "x"', ".result: needs a limit"),
        ('result = "x"\nequals = 1\nabove = 1', ".result: needs a limit"),
        ('result = "x"\nabove = "500"', ".above: must be a number"),
        ('result = "x"\nabove = nan', ".above: must be a finite number"),
        ('result = "x"\nequals = [1]', ".equals: must be a text, a number, true or false"),
        ('result = ""\nequals = 1', ".result: is empty"),
        (
            'result = "x"\nabove = 1\ncustomer_request = true',
            ".customer_request: goes with phrases",
        ),
        ("unhelpful_turns = 3\nreson = 'x'", '.reson: is not a setting; did you mean "reason"?'),
    ],
)
def test_slips_in_a_rule_are_told(tmp_path: Path, rule: str, problem: str) -> None:
    told = problems_of(tmp_path, AGENT + RULE + rule)
    assert any(one.startswith("agents.a.handover_rules[0]" + problem) for one in told), told


def test_there_is_an_end_to_rules(tmp_path: Path) -> None:
    text = AGENT + (RULE + "unhelpful_turns = 3\n") * 51
    assert problems_of(tmp_path, text) == ("agents.a.handover_rules: must not be more than 50",)
    (problem,) = problems_of(tmp_path, AGENT + "handover_rules = 3")
    assert problem == "agents.a.handover_rules: must be tables [[agents.NAME.handover_rules]]"


@pytest.mark.parametrize("line", ["loop_guard_turns = -1", "max_answers_a_day = 'x'"])
def test_limits_are_numbers(tmp_path: Path, line: str) -> None:
    (problem,) = problems_of(tmp_path, AGENT + line)
    assert "must be a whole number from 0" in problem


def test_a_model_is_read(tmp_path: Path) -> None:
    agent = load(tmp_path, MODEL).agents["a"]
    assert agent == OpenAIAgentSettings(name="a", model="m")
    text = MODEL + (
        'api_key = "${AGENT_SECRET}"\nbase_url = "http://127.0.0.1:8000/v1/"\ntemperature = 0\n'
        'instructions = "Be brief."\nmax_history_bytes = 5000\n'
        "options = { max_completion_tokens = 800, store = false }\n"
    )
    agent = load(tmp_path, text).agents["a"]
    assert isinstance(agent, OpenAIAgentSettings)
    assert (agent.base_url, agent.temperature) == ("http://127.0.0.1:8000/v1", 0.0)
    assert agent.options == {"max_completion_tokens": 800, "store": False}
    assert agent.api_key.startswith("whsec_")
    assert agent.api_key not in repr(agent)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('base_url = "api.openai.com"', "base_url: must be an address"),
        ("temperature = true", "temperature: must be a number"),
        ("max_history_bytes = 10", "max_history_bytes: must be a whole number from 1000"),
        ("options = 3", "options: must be a table of request fields"),
        ("options = { model = 'x', stream = true }", "options: must not hold model, stream"),
        ("options = { when = 2026-11-22 }", "options: must hold only what JSON can hold"),
        ("options = { temperature = 1 }", "options: must not hold temperature"),
    ],
)
def test_slips_of_a_model_are_told(tmp_path: Path, line: str, problem: str) -> None:
    (told,) = problems_of(tmp_path, MODEL + line)
    assert told.startswith(f"agents.a.{problem}")
