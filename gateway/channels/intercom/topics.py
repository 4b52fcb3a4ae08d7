"""The topics to tick in the Developer Hub (no API tells which are), and which never come."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.signs import DAY_US, Topic, counted

TOPICS = (
    "conversation.user.created",
    "conversation.user.replied",
    "conversation.admin.single.created",
    "conversation.admin.replied",
    "conversation.admin.noted",
    "conversation.admin.assigned",
    "conversation.admin.open.assigned",
    "conversation.admin.opened",
    "conversation.admin.closed",
    "conversation.admin.snoozed",
    "conversation.admin.unsnoozed",
    "conversation.operator.replied",
    "conversation.deleted",
    "conversation_part.redacted",
    "contact.user.created",
    "contact.user.updated",
    "contact.lead.created",
    "contact.lead.updated",
    "contact.lead.signed_up",
    "contact.lead.added_email",
    "contact.email.updated",
    "contact.merged",
    "contact.archived",
    "contact.unarchive",
    "contact.deleted",
    "contact.user.tag.created",
    "contact.user.tag.deleted",
    "contact.lead.tag.created",
    "contact.lead.tag.deleted",
    "contact.subscribed",
    "contact.unsubscribed",
    "visitor.signed_up",
    "admin.added_to_workspace",
    "admin.removed_from_workspace",
    "admin.away_mode_updated",
)

_ASSIGNED = ("conversation.admin.assigned", "conversation.admin.open.assigned")

# Every workspace that lives has these; one of a group is enough.
_CORE = (
    ("conversation.user.created",),
    ("conversation.user.replied",),
    ("conversation.admin.replied",),
    _ASSIGNED,
    ("conversation.admin.closed",),
)
_CORE_HEARD, _CORE_US = 200, 7 * DAY_US

# Which topics tell what reading finds, by kind of drift; one of a group is enough.
_TELLS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "message": (("conversation.user.created",), ("conversation.user.replied",),
                ("conversation.admin.replied",)),
    "note": (("conversation.admin.noted",),),
    "assigned": (_ASSIGNED,),
    "closed": (("conversation.admin.closed",),),
    "reopened": (("conversation.admin.opened",),),
    "snoozed": (("conversation.admin.snoozed",),),
    "deleted": (("conversation.deleted",),),
    "contact": (("contact.user.created", "contact.user.updated",
                 "contact.lead.created", "contact.lead.updated"),),
}  # fmt: skip
_PROOFS = 3


def missing(came: Mapping[str, Topic], drift: Mapping[str, int], now: int) -> dict[str, str]:
    """The topics that should have come and never did, each with how that shows.

    `drift` counts what was found by reading and never told, by kind.
    """
    found: dict[str, str] = {}
    for kind, groups in _TELLS.items():
        times = drift.get(kind, 0)
        if times >= _PROOFS:
            for group in groups:
                if not any(topic in came for topic in group):
                    for topic in group:
                        found.setdefault(topic, f"although reading found {times:,} of its kind")
    heard = sum(topic.count for topic in came.values())
    first_at = min((topic.first_at for topic in came.values()), default=now)
    if heard >= _CORE_HEARD and now - first_at >= _CORE_US:
        for group in _CORE:
            if not any(topic in came for topic in group):
                for topic in group:
                    found.setdefault(topic, f"among {counted(heard, 'notification')}")
    return found
