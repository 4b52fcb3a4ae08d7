"""Rules by which the gateway itself hands a session to people (`[[agents.NAME.handover_rules]]`).

Nobody is asked for an opinion: what the customer said, what an answer holds and how many answers
did not help decide. Each function returns the reason that is kept and shown, or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, func, select

from gateway.conversations import briefing
from gateway.conversations.wording import folded, phrase_in
from gateway.events import Answer, Turn
from gateway.policy import AgentTerms
from gateway.rules import HandoverRule
from gateway.store import Transaction
from gateway.store.models import Message, TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

# "Yes" twice in a row answers two questions; a question that is asked again is longer.
_SHORTEST_REPEAT = 10

_TURNS, _MESSAGES = table_of(TurnRow), table_of(Message)
_PUBLIC = (_MESSAGES.c.session_id == bindparam("session")) & _MESSAGES.c.kind.in_(
    literals("message")
)
_BY_CUSTOMER = _PUBLIC & _MESSAGES.c.author_kind.in_(literals("customer"))
_MARKERS = _MESSAGES.alias("markers")
# What was said before the session came back was said to people, who have read it.
_SINCE_RETURNED = Prepared(
    lambda _: select(_MESSAGES.c.id).where(
        _BY_CUSTOMER,
        _MESSAGES.c.created_at
        > select(func.coalesce(func.max(_MARKERS.c.created_at), 0))
        .where(
            _MARKERS.c.session_id == bindparam("session"),
            _MARKERS.c.kind.in_(literals("marker")),
            _MARKERS.c.external_id.like(bindparam("returned")),
        )
        .scalar_subquery(),
    )
)
_ASKED_IN = Prepared(
    lambda _: (
        select(_MESSAGES.c.text)
        .where(_BY_CUSTOMER, _MESSAGES.c.asked_in == bindparam("turn"))
        .order_by(_MESSAGES.c.at, _MESSAGES.c.number, _MESSAGES.c.step)
    )
)
_SAID_AT = Prepared(
    lambda _: (
        select(_MESSAGES.c.text)
        .where(
            _PUBLIC,
            _MESSAGES.c.author_kind.in_(literals("ai")),
            _MESSAGES.c.created_at == bindparam("moment", type_=BigInteger),
        )
        .order_by(_MESSAGES.c.at, _MESSAGES.c.number, _MESSAGES.c.step, _MESSAGES.c.id)
    )
)
_BEFORE = Prepared(
    lambda _: (
        select(_TURNS.c.id, _TURNS.c.ended_at, _TURNS.c.helpful)
        .where(
            _TURNS.c.session_id == bindparam("session"),
            _TURNS.c.epoch == bindparam("epoch", type_=Integer),
            _TURNS.c.state.in_(literals("recorded")),
        )
        .order_by(_TURNS.c.ended_at.desc(), _TURNS.c.id.desc())
        .limit(bindparam("most", type_=Integer))
    )
)


def said_before_asking(db: Transaction, agent: AgentTerms, asked: Turn) -> str | None:
    """Judge the customer's new words, before the AI is asked about them.

    What a person has replied to, or could have before giving the session back, counts no more.
    """
    if not _phrases(agent):
        return None
    words: dict[str, str] = {}
    for message in asked.messages:
        if message.author.kind == "operator":
            words.clear()
        elif message.author.kind == "customer" and message.new:
            words[message.id] = message.text
    if not words:
        return None
    since = {"session": asked.session, "returned": "%:returned"}
    count = {row.id for row in _SINCE_RETURNED.run(db, since)}
    return _spoken(agent, [text for key, text in words.items() if key in count])


def said_meanwhile(db: Transaction, agent: AgentTerms, turn: Any) -> str | None:
    """Judge the words that came while the AI was thinking."""
    if not _phrases(agent):
        return None
    return _spoken(agent, briefing.untold(db, turn.session_id))


def found_in_answer(
    agent: AgentTerms, parameters: Mapping[str, Any], results: Mapping[str, Any], answer: Answer
) -> str | None:
    """Judge what an answer sets; `parameters` and `results` are the session's before it.

    A value that stood there already was judged when it came: a person who then gives the session
    back has seen it.
    """
    for rule in agent.handover_rules:
        name = rule.parameter or rule.result
        before, now = (
            (parameters, answer.parameters) if rule.parameter else (results, answer.results)
        )
        if not name or name not in now or not _holds(rule, now[name]):
            continue
        if name in before and _is_same(before[name], now[name]):
            continue
        return rule.reason or f"{name} is {_limit(rule)}"
    return None


def is_helpful(
    db: Transaction, agent: AgentTerms, turn: Any, answer: Answer
) -> tuple[bool, str | None]:
    """Tell whether an answer helped, and the reason if it is the last straw.

    It did not help if the agent says so, if it says nothing, if it repeats the answer before it, or
    if the customer had to say the same again. Those since the session last changed hands count.
    """
    acts = answer.handover is not None or answer.finish
    helpful = answer.helpful and (acts or any(text.strip() for text in answer.messages))
    rules = [rule for rule in agent.handover_rules if rule.unhelpful_turns]
    if not rules:
        return helpful, None
    most = max(rule.unhelpful_turns for rule in rules)
    asked = {"session": turn.session_id, "epoch": turn.epoch, "most": most}
    before = _BEFORE.run(db, asked)
    if helpful and before:
        helpful = not _repeats(db, turn, before[0], answer)
    if helpful:
        return True, None
    in_a_row = 1
    for earlier in before:
        if earlier.helpful is not False:
            break
        in_a_row += 1
    for rule in rules:
        if in_a_row >= rule.unhelpful_turns:
            return False, rule.reason or f"{in_a_row} answers in a row did not help"
    return False, None


def _phrases(agent: AgentTerms) -> list[HandoverRule]:
    return [
        rule
        for rule in agent.handover_rules
        if rule.phrases and (agent.allow_customer_request or not rule.customer_request)
    ]


def _spoken(agent: AgentTerms, texts: Iterable[str]) -> str | None:
    said = list(texts)
    for rule in _phrases(agent) if said else ():
        phrase = phrase_in(said, rule.phrases)
        if phrase is not None:
            return rule.reason or f"The customer said “{phrase}”"
    return None


def _repeats(db: Transaction, turn: Any, before: Any, answer: Answer) -> bool:
    session = {"session": turn.session_id}
    said = _joined(row.text for row in _SAID_AT.run(db, {**session, "moment": before.ended_at}))
    if said and said == _joined(answer.messages):
        return True
    asked = _joined(row.text for row in _ASKED_IN.run(db, {**session, "turn": turn.id}))
    if len(asked) < _SHORTEST_REPEAT:
        return False
    return asked == _joined(row.text for row in _ASKED_IN.run(db, {**session, "turn": before.id}))


def _joined(texts: Iterable[str]) -> str:
    return " ".join(folded(text) for text in texts).strip()


def _holds(rule: HandoverRule, value: Any) -> bool:
    if rule.equals is not None:
        return _is_same(rule.equals, value)
    number = _number(value)
    if number is None:
        return False
    above = rule.above is None or number > rule.above
    below = rule.below is None or number < rule.below
    return above and below


def _is_same(one: Any, other: Any) -> bool:
    """Compare as people do: "Refund" is "refund", 3 is "3"; true is only true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    numbers = (_number(one), _number(other))
    if None not in numbers:
        return numbers[0] == numbers[1]
    if isinstance(one, str) and isinstance(other, str):
        return folded(one) == folded(other)
    return bool(one == other)


def _number(value: Any) -> float | None:
    """Read a number, or a text that is one and nothing else; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _limit(rule: HandoverRule) -> str:
    told: Sequence[tuple[str, Any]] = (
        ("above", rule.above),
        ("below", rule.below),
        ("equal to", rule.equals),
    )
    return " and ".join(
        f"{word} {limit:g}" if isinstance(limit, float) else f"{word} {limit}"
        for word, limit in told
        if limit is not None
    )
