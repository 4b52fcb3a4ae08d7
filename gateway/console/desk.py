"""What Human Agents shows of sessions: groups, waiting times, and where somebody can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from gateway.console.words import called
from gateway.conversations.doors import handover_refusal
from gateway.people.operators import Operator
from gateway.reading.sessions import Json
from gateway.reading.with_people import DeskFilter, Seat, Show
from gateway.wiring import Parts

ROOT = "/console/human-agents"

Group = Literal["person", "agent"]
Tone = Literal["calm", "soon", "late"]

_SOON = 0.6
"""From this share of the time until the deadline on, its colour warns."""
_LONGEST_NAME = 100
_WAITS = {
    "accept": "Waits to be accepted",
    "first_reply": "Waits for a first reply",
    "reply": "Waits for a reply",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the list shows, as the address says it; what it says wrongly is left out."""

    show: Show = "all"
    name: str = ""
    group: Group = "person"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> View:
        """Read it from an address."""
        show, group = query.get("show", ""), query.get("group", "")
        return cls(
            show=show if show in get_args(Show) else "all",  # type: ignore[arg-type]
            name=query.get("name", "").replace("\x00", "")[:_LONGEST_NAME].strip(),
            group="agent" if group == "agent" else "person",
        )

    @property
    def filter(self) -> DeskFilter:
        """Which sessions those are."""
        return DeskFilter(show=self.show, name=self.name)

    @property
    def query(self) -> str:
        """As an address says it: `?show=mine`, or nothing where all is as usual."""
        said = {
            name: value
            for name in ("show", "name", "group")
            if (value := getattr(self, name)) != getattr(_USUAL, name)
        }
        return f"?{urlencode(said)}" if said else ""

    def path(self, session_id: str | None = None, **other: Any) -> str:
        """The address of the page with this list, and with a session in it."""
        at = f"/{session_id}" if session_id else ""
        return f"{ROOT}{at}{replace(self, **other).query}"

    def part(self, session_id: str | None = None) -> str:
        """The address from which the list is read anew."""
        opened = urlencode({"open": session_id}) if session_id else ""
        said = "&".join(one for one in (self.query.removeprefix("?"), opened) if one)
        return f"/console/parts/human-agents/queue{'?' if said else ''}{said}"


_USUAL = View()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """That a customer waits, for what, and how near the deadline is."""

    words: str
    since: str
    due_at: str
    overdue: bool
    tone: Tone
    passed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session lives. `tool`: what the channel's own people work in, and `link` where it is
    found there; both empty where people answer here. `why_not`: why the looker cannot answer."""

    channel: str
    kind: str
    tool: str
    link: str
    files: bool
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A session as the list shows it."""

    told: Json
    name: str
    wait: Wait | None
    place: Place
    offered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Sessions under one head: those of a person, or of an agent."""

    head: str
    cards: Sequence[Card]
    who: Json | None = None


class Desks:
    """Puts sessions into the words and groups of the page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def seat(self, me: Operator) -> Seat:
        """Who looks, and where they can answer."""
        channels = [
            name
            for name, terms in self._parts.terms.items()
            if "assign" not in terms.channel.pushes or name in me.links
        ]
        return Seat(id=me.id, links=dict(me.links), channels=channels)

    def card(self, me: Operator, told: Json) -> Card:
        """A session of the list."""
        offer = told["offer"]
        return Card(
            told=told,
            name=called(told["contact"]),
            wait=self.wait(told),
            place=self.place(me, told),
            offered=offer is not None and offer["operator_id"] == me.id,
        )

    def place(self, me: Operator, told: Json) -> Place:
        """Where it lives, for somebody who may want to answer."""
        channel = told["channel"]
        terms = self._parts.terms.get(channel)
        if terms is None:
            gone = f"The channel {channel} is not configured any more."
            return Place(channel=channel, kind="", tool="", link="", files=False, why_not=gone)
        of = terms.channel
        unlinked = "assign" in of.pushes and channel not in me.links
        return Place(
            channel=channel,
            kind=self._parts.channels[channel].kind,
            tool=of.tool,
            link=of.in_tool(told["workspace"], told["conversation"]),
            files=of.carries_files,
            why_not=(
                f"You are not linked to a person in {channel}. An administrator links you on the "
                f"page Operators, or with: gateway operators edit {me.email} "
                f"--link {channel}:ADMIN_ID"
            )
            if unlinked
            else "",
        )

    def wait(self, told: Json) -> Wait | None:
        """What its customer waits for."""
        wait = told["wait"]
        if wait is None:
            return None
        now = self._parts.clock.now()
        since = datetime.fromisoformat(wait["since"])
        due = datetime.fromisoformat(wait["due_at"])
        return Wait(
            words=_WAITS[wait["step"]],
            since=wait["since"],
            due_at=wait["due_at"],
            overdue=wait["overdue"],
            tone=tone(now, since, due, overdue=wait["overdue"]),
            passed=passed(now - since),
        )


def refusal_for(me: Operator) -> Any:
    """Why somebody may not hand a session over, as sessions tell it."""
    return lambda status, mode: handover_refusal(me.role, status, mode)


def tone(now: datetime, since: datetime, due: datetime, *, overdue: bool) -> Tone:
    """How near a deadline is: the page's colour of a wait."""
    if overdue or now >= due:
        return "late"
    return "soon" if now - since >= _SOON * (due - since) else "calm"


def passed(time: timedelta) -> str:
    """`2:05`, `1:02:05`, `3 d 4 h`: as the page's script goes on counting."""
    seconds = max(0, int(time.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours}:{minutes % 60:02d}:{seconds % 60:02d}"
    return f"{minutes}:{seconds % 60:02d}"


def sections(cards: Iterable[Card], group: Group) -> list[Section]:
    """Cards under heads, in the order in which they came; one's own and what nobody has first."""
    heads: dict[str, list[Card]] = {}
    for card in cards:
        heads.setdefault(_head(card, group), []).append(card)
    first = ("Unassigned", "You") if group == "person" else ()
    return [
        Section(
            head=head,
            cards=heads[head],
            who=heads[head][0].told["responsible"] if group == "person" else None,
        )
        for head in sorted(heads, key=lambda head: (_place(head, first), head.casefold()))
    ]


def _head(card: Card, group: Group) -> str:
    if group == "agent":
        return str(card.told["agent"])
    who = card.told["responsible"]
    if card.told["mine"]:
        return "You"
    if who["kind"] == "unassigned":
        return f"Team {who['team_name']}" if who["team"] else "Unassigned"
    return str(who["name"])


def _place(head: str, first: Sequence[str]) -> int:
    if head in first:
        return first.index(head)
    return len(first) if head.startswith("Team ") else len(first) + 1
