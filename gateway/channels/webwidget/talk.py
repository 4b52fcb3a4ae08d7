"""A visitor's talk, as the record gives it to the widget's doors, and as they tell it.

It holds only what a customer may see; docs/widget-protocol.md describes the JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.channels.webwidget.content import Content, content_of_html, content_of_text
from gateway.channels.webwidget.translate import PREFIX
from gateway.clock import to_time
from gateway.events import Attachment

Json = dict[str, Any]
AuthorKind = Literal["customer", "ai", "operator", "bot", "system"]
MarkerKind = Literal["handover", "joined", "returned", "finished"]

MOST_LINES = 200
"""So many lines are told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the history. Times are in microseconds since 1970.

    `external_id` is the channel's own name of the visitor's words, `picture` that of the author's
    picture. A `marker` is about `name`, if it names anybody.
    """

    id: str
    external_id: str | None
    author: AuthorKind
    name: str | None
    picture: str | None
    text: str
    html: str
    attachments: Sequence[Attachment]
    state: str
    at: int
    marker: MarkerKind | None
    redacted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Since when (µs) a person is waited for; `position` 1 is next, None: there is no queue."""

    since: int
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A chat session, as its customer may know it."""

    id: str
    status: Literal["active", "finished"]
    speaker: Literal["ai", "operator", "nobody"]
    name: str | None
    picture: str | None
    waiting: Waiting | None
    started_at: int
    finished_at: int | None
    score: int | None
    comment: str | None
    read_by_them: str | None
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Somebody is writing to the visitor."""

    kind: Literal["ai", "operator"]
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is new since a cursor; all there is, if `reset`. `cursor` is None for what lies back."""

    cursor: str | None
    reset: bool
    session: Shown | None
    lines: Sequence[Line]
    typing: Sequence[Typing]
    earlier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One of a visitor's sessions in the list of them; `last_words` are plain."""

    id: str
    status: Literal["active", "finished"]
    started_at: int
    finished_at: int | None
    last_words: str


class Teller:
    """Puts a talk into the JSON of one deployment."""

    def __init__(self, *, ai_name: str | None, address: str) -> None:
        """`address` is the one of the widget's doors, under which pictures and files lie."""
        self._ai_name = ai_name or None
        self._avatars, self._files = f"{address}/avatars", f"{address}/files"

    def talk(self, talk: Talk) -> Json:
        """The answer to `GET /widget/v1/messages`."""
        return {
            "cursor": talk.cursor,
            "reset": talk.reset,
            "session": None if talk.session is None else self.session(talk.session),
            "messages": [self.line(line) for line in talk.lines],
            "earlier": talk.earlier,
            "typing": [{"kind": one.kind, "name": self.name(one)} for one in talk.typing],
            "unread": talk.session.unread if talk.session else 0,
        }

    def session(self, shown: Shown) -> Json:
        """A session."""
        name = self._ai_name if shown.speaker == "ai" else shown.name
        rated = None
        if shown.score is not None:
            rated = {"score": shown.score, "comment": shown.comment or None}
        waits = shown.waiting
        return {
            "id": shown.id,
            "status": shown.status,
            "speaker": {
                "kind": shown.speaker,
                "name": name,
                "avatar_url": self._picture(shown.picture),
            },
            "waiting": waits and {"since": to_time(waits.since), "position": waits.position},
            "started_at": to_time(shown.started_at),
            "finished_at": to_time(shown.finished_at),
            "rating": rated,
            "read_by_them": shown.read_by_them,
        }

    def line(self, line: Line) -> Json:
        """A message or marker."""
        named = line.marker == "joined"
        by_visitor = line.author == "customer" and line.external_id is not None
        client_id = (line.external_id or "").removeprefix(PREFIX) if by_visitor else None
        return {
            "id": line.id,
            "client_id": client_id,
            "kind": "marker" if line.marker else "message",
            "author": {
                "kind": line.author,
                "name": self._ai_name if line.author == "ai" else line.name,
                "avatar_url": self._picture(line.picture),
            },
            "text": line.text,
            "content": _content(line),
            "attachments": [self.attachment(one) for one in line.attachments],
            "state": line.state,
            "redacted": line.redacted,
            "occurred_at": to_time(line.at),
            "marker": {"kind": line.marker, "name": line.name if named else None}
            if line.marker
            else None,
        }

    def attachment(self, one: Attachment) -> Json:
        """A file; a picture's sides are there where they are known, to leave room for it."""
        told: Json = {
            "id": one.file,
            "name": one.name,
            "content_type": one.content_type,
            "size": one.size,
            "url": one.url if one.file is None else f"{self._files}/{one.file}",
        }
        if one.width and one.height:
            told |= {"width": one.width, "height": one.height}
        return told

    def past(self, past: Past) -> Json:
        """An item of the list of sessions."""
        return {
            "id": past.id,
            "status": past.status,
            "started_at": to_time(past.started_at),
            "finished_at": to_time(past.finished_at),
            "last_message": past.last_words,
        }

    def name(self, typing: Typing) -> str | None:
        """Who is writing."""
        return self._ai_name if typing.kind == "ai" else typing.name

    def _picture(self, picture: str | None) -> str | None:
        return None if picture is None else f"{self._avatars}/{picture}"


def _content(line: Line) -> Content:
    if line.marker:
        return []
    if line.author == "customer" or not line.html:
        return content_of_text(line.text)
    return content_of_html(line.html)
