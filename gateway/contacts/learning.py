"""What an AI agent found out about the customer goes to the contact, as claimed.

The mapping is the agent's: `{"email": "parameters.email", "custom.order_no": "results.order"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from gateway.contacts import pushing
from gateway.contacts.details import CLAIMED, CUSTOM, Source, Statement, checked
from gateway.contacts.editing import MOST_CUSTOM, open_contact, say
from gateway.contacts.pushing import NOBODY, Takers
from gateway.contacts.trees import write
from gateway.errors import Unreadable
from gateway.store import Transaction

log = structlog.get_logger(__name__)


def learn(
    db: Transaction,
    contact_id: str,
    fields: Mapping[str, str],
    answer: Mapping[str, Mapping[str, Any]],
    *,
    agent: str,
    session_id: str,
    now: int,
    takers: Takers = NOBODY,
) -> bool:
    """Write what an answer holds of the mapped `fields`; what cannot be a detail is left out.

    Channels (`takers`) that keep such a field are owed it; True if any is.

    `answer` holds `parameters` and `results`. What the agent said of this contact before in the
    same words is not news: a person's edit since then stands.
    """
    found = {detail: _at(answer, path) for detail, path in fields.items()}
    if all(value is None for value in found.values()):
        return False
    tree = open_contact(db, contact_id)
    before = tree.shown()
    source = Source(kind="ai", name=agent, session=session_id)
    said_by = f"ai:{agent}"
    own = {
        (one.detail, one.value)
        for one in tree.statements
        if one.contact_id == contact_id and one.source.kind in ("ai", "channel")
    }
    custom = sum(detail.startswith("custom.") for detail in before)
    for detail, given in found.items():
        try:
            value = checked(detail, given)
        except Unreadable as refused:
            log.info("contact_field_refused", agent=agent, session=session_id, why=refused.message)
            continue
        if value is None or (detail, value) in own:
            continue
        if detail.startswith("custom.") and detail not in before:
            custom += 1
            if custom > MOST_CUSTOM:
                log.info(
                    "contact_field_refused", agent=agent, session=session_id,
                    why=f"a contact has at most {MOST_CUSTOM} custom fields",
                )  # fmt: skip
                continue
        say(db, tree, said_by, Statement(
            detail=detail, value=value, level=CLAIMED, rank=CLAIMED, at=now, source=source,
            contact_id=contact_id,
        ))  # fmt: skip
    write(db, tree, before, "learned", source, now, contact_id=contact_id)
    return pushing.owe(db, tree, [name for name in found if name.startswith(CUSTOM)], takers, now)


def _at(answer: Mapping[str, Any], path: str) -> Any:
    """What lies at a path such as `results.order.number`; None if nothing does."""
    found: Any = answer
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found
