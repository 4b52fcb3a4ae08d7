"""What became of edits that channels were owed, as people are told."""

from __future__ import annotations

from sqlalchemy import or_, select, tuple_

from gateway.clock import to_time
from gateway.contacts.details import DETAILS, Json
from gateway.contacts.trees import standing_of
from gateway.store import Transaction
from gateway.store.models import Contact, ContactIdentity, ContactPush, Installation

_MOST = 200
_STATES = {
    "owed": "sending", "sending": "sending", "unknown": "sending", "sent": "sent",
    "failed": "not_taken", "cancelled": "not_sent",
}  # fmt: skip


def find_progress(db: Transaction, contact_id: str) -> list[Json]:
    """The newest word on each detail of each identity; raises NotFound."""
    standing = standing_of(db, [contact_id])[contact_id]
    members = select(Contact.id).where(or_(Contact.id == standing, Contact.joined_into == standing))
    rows = db.execute(
        select(ContactPush.__table__, Installation.channel)
        .join(
            ContactIdentity,
            tuple_(ContactIdentity.installation_id, ContactIdentity.external_id)
            == tuple_(ContactPush.installation_id, ContactPush.external_id),
        )
        .join(Installation, Installation.id == ContactPush.installation_id)
        .where(ContactIdentity.contact_id.in_(members))
        .order_by(ContactPush.id.desc())
        .limit(_MOST)
    )
    found: dict[tuple[str, str, str], Json] = {}
    for row in rows:
        for detail in row.details:
            found.setdefault(
                (detail, row.channel, row.external_id),
                {
                    "channel": row.channel,
                    "identity": row.external_id,
                    "detail": detail,
                    "state": _STATES[row.state],
                    "why": row.why,
                    "at": to_time(row.ended_at or row.owed_at),
                },
            )
    return sorted(
        found.values(),
        key=lambda one: (_place(one["detail"]), one["channel"], one["identity"]),
    )


def _place(detail: str) -> tuple[int, str]:
    """The four details first, then fields of our own by name."""
    return (DETAILS.index(detail) if detail in DETAILS else len(DETAILS), detail)
