"""The demo's shop: every line of its story gets what it should."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import as_file, files
from typing import Any

import pytest

from gateway.agents.scripted import ScriptedAgent
from gateway.events import Answer
from tests.agents.turns import asked, said, turn

SHOP = files("gateway") / "demo" / "shop.toml"


@pytest.fixture(scope="module")
def shop() -> ScriptedAgent:
    with as_file(SHOP) as path:
        return ScriptedAgent.from_file(path)


def only(answer: Answer) -> str:
    (text,) = answer.messages
    assert answer.handover is None
    return text


@pytest.mark.parametrize(
    ("text", "part", "topic"),
    [
        ("When are you open on Saturday?", "10:00 to 14:00", "opening hours"),
        ("What are your opening hours?", "Monday to Friday", "opening hours"),
        ("How much is shipping to Germany?", "9.90 EUR", "shipping"),
        ("do you ship abroad", "9.90 EUR", "shipping"),
        ("Can I return a light?", "30 days", "returns"),
        ("What is your return policy?", "30 days", "returns"),
        ("Is it waterproof?", "Irish rain", "product"),
        ("Where is my order?", "What is the order number?", "order status"),
        ("How do I get a refund?", "five working days", "refund"),
        ("I want a refund of 80 EUR", "up to 500 EUR", "refund"),
        ("A refund for FL-1042, 499.99 EUR", "up to 500 EUR", "refund"),
    ],
)
def test_questions(shop: ScriptedAgent, text: str, part: str, topic: str) -> None:
    answer = shop.ask(asked(text))
    assert part in only(answer)
    assert answer.results["topic"] == topic
    assert not answer.finish


@pytest.mark.parametrize(
    ("text", "number", "status"),
    [
        ("Where is my order FL-1042?", "FL-1042", "on its way"),
        ("fl 1077", "FL-1077", "in the workshop"),
        ("It's FL-2001, when will it arrive?", "FL-2001", "packed"),
    ],
)
def test_orders(shop: ScriptedAgent, text: str, number: str, status: str) -> None:
    answer = shop.ask(asked(text))
    assert f"**{number}**" in answer.messages[0]
    assert answer.parameters == {"order_number": number}
    assert answer.results == {"topic": "order status", "order_status": status}


def test_a_known_order_is_not_asked_for_again(shop: ScriptedAgent) -> None:
    question = asked("And when will it arrive?", parameters={"order_number": "FL-1042"})
    assert "**FL-1042**" in only(shop.ask(question))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("I want a refund of 640 EUR for FL-1042", "640"),
        ("I paid € 1,299.50 for two lights and want my money back", "1,299.50"),
        ("refund 501€ now", "501"),
        ("Order FL-1077: please reimburse 1.200 EUR", "1.200"),
    ],
)
def test_a_large_refund_is_handed_over(shop: ScriptedAgent, text: str, amount: str) -> None:
    answer = shop.ask(asked(text))
    assert answer.handover is not None
    assert answer.handover.trigger == "automatic"
    assert answer.handover.reason == f"Refund of {amount} EUR, above the limit of 500 EUR."
    assert amount in answer.handover.summary
    assert answer.parameters == {"refund_amount": amount}


@pytest.mark.parametrize(
    "text", ["This is unacceptable!", "I am FURIOUS about FL-1042", "Thanks for nothing"]
)
def test_anger_is_handed_over(shop: ScriptedAgent, text: str) -> None:
    answer = shop.ask(asked(text))
    assert answer.handover is not None
    assert answer.handover.trigger == "automatic"
    assert answer.handover.reason == "The customer is upset."


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a human",
        "Can I speak with someone?",
        "agent please",
        "A person!",
        "Get me a real person",
        "connect me to an agent",
    ],
)
@pytest.mark.parametrize("parameters", [{}, {"order_number": "FL-1042"}])
def test_who_asks_for_a_person_gets_one(
    shop: ScriptedAgent, text: str, parameters: dict[str, str]
) -> None:
    answer = shop.ask(asked(text, parameters=parameters))
    assert answer.handover is not None
    assert answer.handover.trigger == "customer_request"
    assert answer.handover.reason == "The customer asked for a person."
    assert ("FL-1042" in answer.handover.summary) is bool(parameters)


def test_manners(shop: ScriptedAgent) -> None:
    assert "Hello Maeve!" in only(shop.ask(asked("Hello")))
    assert "Hello!" in only(shop.ask(asked("Hello", contact=None)))
    thanks = shop.ask(asked("Thank you!"))
    assert "welcome" in only(thanks)
    assert not thanks.finish
    bye = shop.ask(asked("No, that's all, thanks"))
    assert "Ride safely" in only(bye)
    assert bye.finish


def test_what_it_does_not_understand(shop: ScriptedAgent) -> None:
    assert "not sure" in only(shop.ask(asked("qwertz")))
    # An attachment alone has no words.
    assert shop.ask(asked("")) == Answer()


@pytest.mark.parametrize(
    ("text", "then"), [("And what does shipping cost?", "4.90 EUR"), ("qwertz", "still open")]
)
def test_the_return_is_briefed(shop: ScriptedAgent, text: str, then: str) -> None:
    question = turn(
        said(1, "customer", "I want to talk to a human", new=True),
        said(2, "operator", "Your new light leaves tomorrow.", new=True),
        said(3, "customer", text, new=True),
        cause="returned",
        brief="Anna: Your new light leaves tomorrow.",
    )
    briefed, answer = shop.ask(question).messages
    assert "Anna" in briefed
    assert "“Your new light leaves tomorrow.”" in briefed
    assert then in answer


def test_a_return_without_a_word_of_the_person(shop: ScriptedAgent) -> None:
    assert "still open" in only(shop.ask(asked("qwertz", cause="returned")))


def rules() -> list[dict[str, Any]]:
    script: list[dict[str, Any]] = tomllib.loads(SHOP.read_text(encoding="utf-8"))["script"]
    return script


def test_it_promises_no_person() -> None:
    promise = re.compile(r"connect|transfer|pass(ing)? you|colleague|someone|in a moment", re.I)
    for rule in rules():
        reply = rule.get("reply", [])
        texts = [reply] if isinstance(reply, str) else reply
        assert not [text for text in texts if promise.search(text)]
