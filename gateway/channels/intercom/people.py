"""Who is who in an Intercom workspace: authors, assignees, and what is told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from msgspec import UNSET

from gateway.channels.intercom.names import assigned_id, name_of, words_or_none
from gateway.channels.intercom.shapes import Author, Conversation, Listed, Part
from gateway.events import NOBODY, SYSTEM, Actor, Assignee, AuthorKind, ContactSeen, StaffSeen

# Customers are `contact` in REST, `user` or `lead` in webhooks.
_CUSTOMERS = ("user", "lead", "contact")


class Seats(NamedTuple):
    """The seats that mean the AI: the bot's own, and teams it answers for.

    `users_are_verified`: the workspace lets nobody in as a user who cannot prove it. `attributes`
    are those of its contacts that are fields of ours, by `custom.<field>`.
    """

    bot: str
    ai_teams: Collection[str] = ()
    users_are_verified: bool = False
    attributes: Mapping[str, str] = MappingProxyType({})


def actor_of(author: Author | None, seats: Seats) -> Actor:
    """Return who wrote something. An author whom Intercom does not name is the system.

    A team's words (a workflow's) are nobody's, so not a person's takeover; any author of a type
    yet unknown (2.17 has "workflow") counts as a bot of somebody else.
    """
    if author is None:
        return SYSTEM
    id = assigned_id(author.id, "author.id")
    return Actor(kind=_kind(author.type, id, seats), id=id, name=words_or_none(author.name))


def _kind(author_type: str, id: str | None, seats: Seats) -> AuthorKind:
    if author_type in _CUSTOMERS:
        return "customer"
    if author_type == "admin":
        return "ai" if id == seats.bot else "operator"
    return "system" if author_type == "team" else "bot"


def assigned_by_part(part: Part, seats: Seats) -> Assignee | None:
    """Return whom `part` assigned, None if it changed no assignment.

    The item's team is no part of it: the same part must be the same fact in every delivery. That
    assigning a teammate keeps the team is for the fold to know (help article 6561699).
    """
    target = part.assigned_to
    if target is None:
        return None
    id = assigned_id(target.id, "assigned_to.id")
    if id is None or target.type.startswith("nobody"):
        return NOBODY
    if target.type == "admin":
        return _teammate(id, assigned_id(part.team_assignee_id, "team_assignee_id"), seats)
    if target.type == "team":
        return _team(id, seats)
    # "bot" is Fin; whatever else there may be one day is not us either: be silent.
    return Assignee(kind="bot", id=id)


def assigned_by_item(conversation: Conversation | Listed, seats: Seats) -> Assignee | None:
    """Return who holds the conversation by its own fields, None if they do not tell.

    A teammate beats the team.
    """
    if conversation.admin_assignee_id is UNSET:
        return None
    admin = assigned_id(conversation.admin_assignee_id, "admin_assignee_id")
    if conversation.team_assignee_id is UNSET:
        return None if admin is None else _teammate(admin, None, seats)
    team = assigned_id(conversation.team_assignee_id, "team_assignee_id")
    if admin is not None:
        return _teammate(admin, team, seats)
    return NOBODY if team is None else _team(team, seats)


def _teammate(id: str, team: str | None, seats: Seats) -> Assignee:
    return Assignee(kind="ai" if id == seats.bot else "operator", id=id, team=team)


def _team(id: str, seats: Seats) -> Assignee:
    if id in seats.ai_teams:
        return Assignee(kind="ai", team=id)
    return Assignee(kind="team", id=id)


def staff_seen(authors: Iterable[Author], seats: Seats) -> list[StaffSeen]:
    """Return the named people, teams and bots among `authors`, each once."""
    seen: dict[str, StaffSeen] = {}
    for author in authors:
        actor = actor_of(author, seats)
        if actor.kind == "customer" or actor.id is None or actor.name is None:
            continue
        kind = "team" if actor.kind == "system" else actor.kind
        seen[f"{kind}:{actor.id}"] = StaffSeen(
            kind=kind, id=actor.id, name=actor.name, email=words_or_none(author.email)
        )
    return list(seen.values())


def contacts_seen(
    conversation: Conversation, authors: Iterable[tuple[Author, int]], as_of: int
) -> list[ContactSeen]:
    """Return the customers of a conversation, each once.

    `contacts` has ids only; name and e-mail come with what they wrote. An id alone still says whose
    conversation it is, for when its contact leaves an e-mail address. `authors` come with the time
    (µs) of what they wrote: their details are as of just before then, however much later the item
    speaks; what a contact's own report says of the same second comes after them.
    """
    names: dict[str, tuple[str | None, str | None]] = {}
    times: dict[str, int] = {}
    for author, at in authors:
        id = assigned_id(author.id, "author.id") if author.type in _CUSTOMERS else None
        if id is not None:
            name, email = names.get(id, (None, None))
            names[id] = (words_or_none(author.name) or name, words_or_none(author.email) or email)
            times[id] = max(at - 1, times.get(id, 0))
    external: dict[str, str | None] = dict.fromkeys(names)
    for contact in conversation.contacts.contacts if conversation.contacts else ():
        id = name_of(contact.id, "contacts.contacts.id")
        external[id] = assigned_id(contact.external_id, "external_id")
    seen = []
    for id, external_id in external.items():
        name, email = names.get(id, (None, None))
        at = times.get(id, as_of)
        seen.append(ContactSeen(id=id, name=name, email=email, external_id=external_id, as_of=at))
    return seen
