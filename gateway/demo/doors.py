"""The doors that the demo goes through: the stand-in's to act as people, the API's to look."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import requests

T = TypeVar("T")
Json = dict[str, Any]

_PATIENCE_S = 10
_LOOK_EVERY_S = 0.1


class NotHappened(Exception):
    """Something that was waited for did not come, or something came that should not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a conversation as the helpdesk shows it."""

    id: str
    # comment, note, assignment, …; the customer's first words: source
    kind: str
    author: str
    by_bot: bool
    text: str
    assigned_to: str | None


class Doors:
    """Doors at one address; a context manager, which closes the connections kept open to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy cannot know what listens on this machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _get(self, path: str, **parameters: str) -> Json:
        answer = self._http.get(f"{self.url}{path}", params=parameters, timeout=_PATIENCE_S)
        answer.raise_for_status()
        told: Json = answer.json()
        return told

    def _post(self, path: str, what: Json) -> Json:
        """Raises NotHappened if it is refused."""
        answer = self._http.post(f"{self.url}{path}", json=what, timeout=_PATIENCE_S)
        if not answer.ok:
            raise NotHappened(f"{path} was refused: {answer.text.strip()}")
        told: Json = answer.json()
        return told


class HelpDesk(Doors):
    """The people in the stand-in: customers and teammates, and what they see on its inbox page."""

    def customer_starts(self, name: str, email: str, text: str) -> str:
        """Start a conversation; return its id."""
        began = self._act("customer/start", name=name, email=email, text=text)
        return str(began["conversation_id"])

    def customer_writes(self, conversation: str, text: str) -> None:
        """Write as its customer."""
        self._act("customer/reply", conversation_id=conversation, text=text)

    def assign(self, conversation: str, to: str, *, by: str) -> None:
        """Change the assignee: `admin:ID`, `team:ID`, `bot` or `nobody`."""
        self._act("assign", conversation_id=conversation, to=to, by=by)

    def reply(self, conversation: str, text: str, *, by: str) -> None:
        """Write to the customer as a teammate."""
        self._act("admin/reply", conversation_id=conversation, by=by, text=text)

    def parts(self, conversation: str) -> list[Part]:
        """Return everything in a conversation, oldest first."""
        return [
            Part(
                id=one["id"],
                kind=one["part_type"],
                author=one["author"]["name"] or "",
                by_bot=bool(one["author"].get("is_bot_seat")),
                text=one["text"],
                assigned_to=one["assigned_to"],
            )
            for one in self._conversation(conversation)["parts"]
        ]

    def bot_words(self, conversation: str) -> list[Part]:
        """Return what the customer got from the AI's seat."""
        # A reply to an unassigned conversation assigns it as well: a part of kind assignment, with
        # words in it.
        return [
            one
            for one in self.parts(conversation)
            if one.by_bot and one.text and one.kind != "note"
        ]

    def assignee(self, conversation: str) -> str:
        """Return the assignee, `admin:ID`, `team:ID` or `nobody`."""
        return str(self._conversation(conversation)["assignee"])

    def is_telling(self) -> bool:
        """Tell whether notifications to the gateway are still to be delivered."""
        return bool(self._get("/_standin/notifications")["pending"])

    def answers(self) -> bool:
        """Tell whether it serves."""
        return bool(self._get("/_standin/state"))

    def _conversation(self, conversation: str) -> Json:
        for one in self._get("/_standin/state")["conversations"]:
            if one["id"] == conversation:
                found: Json = one
                return found
        raise NotHappened(f"the helpdesk has no conversation {conversation}")

    def _act(self, door: str, **what: str) -> Json:
        return self._post(f"/_standin/{door}", what)


class Observer(Doors):
    """The gateway's REST API, as its operator uses it."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url)
        self._http.headers["Authorization"] = f"Bearer {token}"

    def is_ready(self) -> bool:
        """Tell whether everything is there: database, Redis, workers."""
        return bool(self._get("/readyz")["status"] == "ready")

    def session_of(self, conversation: str) -> Json | None:
        """Return the newest session of a channel's conversation."""
        items = self._get("/api/v1/sessions", conversation=conversation)["items"]
        newest: Json | None = items[0] if items else None
        return newest

    def messages(self, session_id: str) -> Sequence[Json]:
        """Return a session's history, oldest first."""
        items: list[Json] = self._get(f"/api/v1/sessions/{session_id}/messages", limit="500")[
            "items"
        ]
        return items

    def sessions(self, **wanted: str) -> Sequence[Json]:
        """Return sessions, the newest first."""
        items: list[Json] = self._get("/api/v1/sessions", **wanted)["items"]
        return items

    def act(self, session_id: str, door: str, **what: str) -> None:
        """Act on a session: `accept`, `messages`, `hand_back`, …"""
        self._post(f"/api/v1/sessions/{session_id}/{door}", what)


class Shopper(Doors):
    """A visitor on the shop's page: the widget's own doors, without a browser."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url)
        self._key = key

    def begin(self) -> None:
        """Be somebody new."""
        opened = self._post("/widget/v1/sessions", {"key": self._key})
        self._http.headers["Authorization"] = f"Bearer {opened['visitor_token']}"

    def write(self, text: str) -> str:
        """Say something; return the id of the session in which it is."""
        said = {"client_id": secrets.token_hex(8), "text": text}
        self._post("/widget/v1/messages", said)
        return str(self.talk()["session"]["id"])

    def talk(self) -> Json:
        """Return what the widget would show."""
        return self._get("/widget/v1/messages")

    def hears(self, words: str) -> Json | None:
        """Return what somebody else said with these words in it."""
        said: list[Json] = self.talk()["messages"]
        others = (one for one in said if one["author"]["kind"] != "customer")
        return next((one for one in others if words in one["text"]), None)


class Patience:
    """Waits for conditions, never longer than it says, and not at all when all is over."""

    def __init__(self, within_s: float, over: threading.Event) -> None:
        self.within_s = within_s
        self._over = over

    def wait(self, what: str, condition: Callable[[], T | None], within_s: float = 0) -> T:
        """Return the condition's first true value; raise NotHappened naming `what`."""
        limit = within_s or self.within_s
        until = time.monotonic() + limit
        trouble = ""
        while True:
            try:
                value = condition()
            except requests.RequestException as error:  # a server that starts, or restarts
                value, trouble = None, f" ({error})"
            if value:
                return value
            if time.monotonic() > until:
                raise NotHappened(f"waited {limit:g} s in vain for {what}{trouble}")
            if self._over.wait(_LOOK_EVERY_S):
                raise NotHappened(f"stopped while waiting for {what}")

    def rest(self, seconds: float) -> bool:
        """Do nothing for a while; tell whether all is over."""
        return self._over.wait(seconds)
