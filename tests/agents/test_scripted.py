"""What a scripted agent makes of its rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.base import AIAgent
from gateway.agents.scripted import ScriptedAgent, _number
from gateway.config import ScriptedHandover, ScriptRule
from gateway.errors import ConfigError, Unreadable
from gateway.events import Answer, HandoverRequest
from tests.agents.turns import asked, said, turn


def agent(*rules: dict[str, Any], fallback_reply: str = "") -> ScriptedAgent:
    return ScriptedAgent(rules, fallback_reply=fallback_reply)


def test_the_first_rule_that_is_found_answers() -> None:
    asking: AIAgent = agent(
        {"pattern": "hours", "reply": "9 to 5"},
        {"pattern": "hour", "reply": "never"},
        {"pattern": "HOUR", "reply": ["One", "Two"]},
    )
    assert asking.ask(asked("Your HOURS?")) == Answer(messages=("9 to 5",))
    assert agent({"pattern": "A", "reply": ["1", "2"]}).ask(asked("a")).messages == ("1", "2")


def test_only_new_words_of_the_customer_count() -> None:
    asking = agent({"pattern": "hello", "reply": "Hi"}, fallback_reply="What?")
    old = said(1, "customer", "hello")
    for newer in (said(2, "operator", "hello", new=True), said(2, "ai", "hello", new=True)):
        question = turn(old, newer, said(3, "customer", "well", new=True))
        assert asking.ask(question).messages == ("What?",)


def test_a_burst_is_read_as_one() -> None:
    asking = agent({"pattern": "one[^x]*two", "reply": "Both"})
    burst = [said(number, "customer", text, new=True) for number, text in enumerate(["one", "two"])]
    assert asking.ask(turn(*burst)).messages == ("Both",)


def test_words_said_before_the_ais_late_answer_count() -> None:
    question = turn(
        said(1, "customer", "first"),
        said(2, "customer", "hello", new=True),
        said(3, "ai", "to the first", new=True),
    )
    assert agent({"pattern": "hello", "reply": "Hi"}).ask(question).messages == ("Hi",)


def test_words_that_a_person_has_answered_do_not_count() -> None:
    question = turn(
        said(1, "customer", "hello", new=True),
        said(2, "operator", "Hi, I am Anna", new=True),
        said(3, "customer", "price?", new=True),
        cause="returned",
    )
    asking = agent({"pattern": "hello", "reply": "no"}, {"pattern": "price", "reply": "3 EUR"})
    assert asking.ask(question).messages == ("3 EUR",)


def test_nothing_matches() -> None:
    assert agent().ask(asked("x")) == Answer()
    assert agent(fallback_reply="What?").ask(asked("x")) == Answer(
        messages=("What?",), helpful=False
    )
    # Nobody said anything new, so nothing is misunderstood.
    assert agent(fallback_reply="What?").ask(turn(said(1, "customer", "x"))) == Answer()


def test_values_are_filled_in_everywhere() -> None:
    asking = agent(
        {
            "pattern": r"(?P<order>FL-\d+)",
            "reply": "Order {order}, {customer}",
            "parameters": {"order": "{order}", "list": ["{order}", 1]},
            "results": {"deep": {"order": "{order}"}, "sure": True},
            "handover": {"trigger": "automatic", "reason": "{order}", "summary": "Of {order}"},
            "finish": True,
        }
    )
    assert asking.ask(asked("It is fl-12!")) == Answer(
        messages=("Order fl-12, Maeve",),
        parameters={"order": "fl-12", "list": ["fl-12", 1]},
        results={"deep": {"order": "fl-12"}, "sure": True},
        handover=HandoverRequest(trigger="automatic", reason="fl-12", summary="Of fl-12"),
        finish=True,
    )


def test_a_rule_that_needs_an_unknown_value_does_not_answer() -> None:
    asking = agent(
        {"pattern": "where", "reply": "Order {order} is on its way"},
        {"pattern": "where", "reply": "Which order?"},
    )
    assert asking.ask(asked("where?")).messages == ("Which order?",)
    known = asked("where?", parameters={"order": "FL-1"})
    assert asking.ask(known).messages == ("Order FL-1 is on its way",)
    nameless = agent({"pattern": ".", "reply": "Hello {customer}"})
    assert nameless.ask(asked("x", contact=None)) == Answer()


def test_braces_that_are_no_placeholder_stay() -> None:
    assert agent({"pattern": ".", "reply": "{} {a.b} {0!r}"}).ask(asked("x")).messages == (
        "{} {a.b} {0!r}",
    )


def test_alternatives_take_turns_and_repeat_for_the_same_turn() -> None:
    asking = agent({"pattern": "again", "one_of": ["a", "b"]})
    history = [said(0, "customer", "x")]
    heard = []
    for number in range(1, 8, 2):
        question = turn(*history, said(number, "customer", "again", new=True))
        (text,) = asking.ask(question).messages
        assert asking.ask(question).messages == (text,)
        heard.append(text)
        history += [said(number, "customer", "again"), said(number + 1, "ai", text)]
    assert heard == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("cause", "says"), [("message", ("m",)), ("returned", ("r",)), ("draft", ("m",))]
)
def test_rules_for_one_cause(cause: str, says: tuple[str, ...]) -> None:
    asking = agent(
        {"pattern": ".*", "after": "returned", "reply": "r"},
        {"pattern": ".*", "after": ["message", "draft"], "reply": "m"},
    )
    assert asking.ask(asked("x", cause=cause)).messages == says


def test_what_the_person_said_is_known_after_the_return() -> None:
    asking = agent({"pattern": ".*", "reply": "{operator}: {last_operator_words}"})
    long = said(2, "operator", "I will\n send\t it. " + "x" * 500)
    answer = asking.ask(turn(said(1, "operator", "a"), long, said(3, "customer", "b", new=True)))
    assert answer.messages[0].startswith("Anna: I will send it. xxx")
    assert len(answer.messages[0]) == len("Anna: ") + 200


def test_a_rule_may_go_on() -> None:
    rules = (
        {"pattern": ".", "reply": "1", "results": {"a": 1, "b": 1}, "goes_on": True},
        {"pattern": "x", "reply": "2", "results": {"b": 2}, "finish": True},
        {"pattern": ".", "reply": "3"},
    )
    asking = agent(*rules, fallback_reply="What?")
    assert asking.ask(asked("x")) == Answer(
        messages=("1", "2"), results={"a": 1, "b": 2}, finish=True
    )
    assert agent(rules[0], fallback_reply="What?").ask(asked("x")).messages == ("1",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("640", 640),
        ("1,200", 1200),
        ("1.200,50", 1200.5),
        ("1,200.50", 1200.5),
        ("1 200.5", 1200.5),
        ("499.99", 499.99),
        ("0,5", 0.5),
        ("1.000.000", 1_000_000),
        ("", 0),
        ("none", 0),
    ],
)
def test_amounts(text: str, value: float) -> None:
    assert _number(text) == pytest.approx(value)


@given(st.text())
def test_any_text_is_an_amount_or_nothing(text: str) -> None:
    assert _number(text) >= 0


@pytest.mark.parametrize(("amount", "answers"), [("500", False), ("500.01", True), ("12", False)])
def test_a_rule_above_an_amount(amount: str, answers: bool) -> None:
    asking = agent({"pattern": r"(?P<n>[\d.]+)", "above": {"n": 500}, "reply": "Much"})
    assert asking.ask(asked(f"It was {amount} EUR")).messages == (("Much",) if answers else ())


def test_a_draft_decides_nothing() -> None:
    asking = agent(
        {"pattern": ".", "reply": "r", "handover": {"trigger": "automatic"}, "finish": True}
    )
    assert asking.ask(asked("x", mode="copilot", cause="draft")) == Answer(messages=("r",))


def test_it_never_answers_later() -> None:
    with pytest.raises(Unreadable):
        agent().read_reply({}, b"{}")


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigError) as raised:
        agent(
            {"pattern": "(", "reply": 3},
            {"patern": "a"},
            {"pattern": "a", "after": "always", "handover": {"trigger": "manual"}},
            {"pattern": "a", "above": {"amount": 3}},
            {"pattern": "a", "results": {"day": date(2026, 11, 22)}, "finish": "perhaps"},
            {"pattern": "a", "goes_on": True, "finish": True},
        )
    places = [problem.split(": ")[0] for problem in raised.value.problems]
    assert places == [
        "script[0].pattern",
        "script[0].reply",
        "script[1].patern",
        "script[1].pattern",
        "script[2].after",
        "script[2].handover.trigger",
        "script[3].above",
        "script[4].finish",
        "script[4].results",
        "script[5].goes_on",
    ]


def test_rules_from_the_settings() -> None:
    rule = ScriptRule(
        pattern="a",
        reply=("b",),
        results={"n": 1},
        handover=ScriptedHandover(trigger="customer_request", reason="c"),
        finish=True,
    )
    assert ScriptedAgent((rule, ScriptRule(pattern="."))).ask(asked("A")) == Answer(
        messages=("b",),
        results={"n": 1},
        handover=HandoverRequest(trigger="customer_request", reason="c"),
        finish=True,
    )


@pytest.mark.parametrize("text", ["script = 3", "x = 1", "[script]\n", "x", "[[script]]\n[b]\n"])
def test_a_file_that_is_no_script(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"shop\.toml"):
        ScriptedAgent.from_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        ScriptedAgent.from_file(tmp_path / "none.toml")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text("[[script]]\npattern = 'a'\nreply = 'b'\n")
    assert ScriptedAgent.from_file(path).ask(asked("a")).messages == ("b",)
