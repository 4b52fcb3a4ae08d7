"""An erasure as people see it: what it would take, what it has taken, what stays and why."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from gateway.channels.base import Channel
from gateway.clock import to_time
from gateway.privacy.elsewhere import records_elsewhere
from gateway.privacy.person import find_person
from gateway.reading.sessions import Json
from gateway.store import Transaction
from gateway.store.models import Erasure, Operator

KEPT = (
    {
        "what": "That there were sessions, messages and files: when, how many, in which channel, "
        "how they were handed over and who of the team answered",
        "why": "Counts and working times stay true. Nobody can be told from them.",
    },
    {
        "what": "That somebody was erased: when, by whom, why",
        "why": "It has to be shown that it was done.",
    },
    {
        "what": "A one-way hash of each id that a channel had for them",
        "why": "So that what still comes late does not make them known again. It goes when they "
        "write anew.",
    },
    {
        "what": "The ids of their conversations, and of their visits, which say nothing of them",
        "why": "A late notification must find the conversation that was erased, and their old "
        "browser must not be let in again.",
    },
    {
        "what": "Copies outside of here: backups, what subscribers and the AI agent were told",
        "why": "They are not the gateway's. Backups end with their time; tell the others.",
    },
)
"""What stays, and why."""


def find_erasure(db: Transaction, channels: Mapping[str, Channel], contact_id: str) -> Json:
    """A customer's latest erasure, or what one would leave. Raises NotFound."""
    person = find_person(db, contact_id)
    row = db.execute(
        select(
            Erasure.id, Erasure.began_at, Erasure.ended_at, Erasure.reason, Erasure.counts,
            Operator.name,
        )
        .join(Operator, Operator.id == Erasure.operator_id)
        .where(Erasure.contact_id.in_(person.members))
        .order_by(Erasure.id.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    told: Json = {
        "id": None, "began_at": None, "ended_at": None, "reason": None, "by": None, "counts": {},
    }  # fmt: skip
    if row is not None:
        told = {
            "id": row.id, "began_at": to_time(row.began_at), "ended_at": to_time(row.ended_at),
            "reason": row.reason, "by": row.name, "counts": row.counts,
        }  # fmt: skip
    elsewhere = records_elsewhere(db, channels, person)
    return told | {"kept": list(KEPT), "kept_elsewhere": elsewhere}


def called(card: Json) -> str:
    """What somebody is called, whatever is known of them."""
    for detail in ("name", "email", "phone", "external_id"):
        if card[detail]:
            return str(card[detail])
    return str(card["id"])
