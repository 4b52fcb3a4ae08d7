"""Answers of AI agents: recorded, and what they say of the customer goes to the contact.

Conversations and contacts do not know each other; what joins them stands above them.
"""

from __future__ import annotations

from gateway.contacts.learning import learn
from gateway.contacts.pushing import NOBODY, Takers
from gateway.conversations import asking
from gateway.conversations.asking import Recorded
from gateway.conversations.reception import Receive
from gateway.events import Answer
from gateway.policy import Terms
from gateway.store import Transaction


def record_answer(
    db: Transaction,
    terms: Terms,
    turn_id: str,
    session_id: str,
    answer: Answer,
    *,
    now: int,
    link: str,
    reception: Receive,
    takers: Takers = NOBODY,
) -> Recorded:
    """Record an answer once (`asking.record_answer`), in one transaction with what it teaches.

    Only an answer that was used teaches anything, and only what `contact_fields` names. Channels
    (`takers`) that keep such a field are owed it.
    """
    recorded = asking.record_answer(
        db, terms, turn_id, answer, now=now, link=link, reception=reception
    )
    if recorded.learned_of is not None and terms.agent.contact_fields:
        owed = learn(
            db, recorded.learned_of, terms.agent.contact_fields,
            {"parameters": answer.parameters, "results": answer.results},
            agent=terms.agent.name, session_id=session_id, now=now, takers=takers,
        )  # fmt: skip
        if owed:
            recorded.owed.add("sync")
    return recorded
