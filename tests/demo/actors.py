"""A helpdesk and a gateway in memory, for what the story says when things go wrong.

With `talks_over` the AI answers although a person is in charge; with `dumb` it never answers;
with `forgets` the handover is undone a moment later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.doors import HelpDesk, Observer, Part
from gateway.demo.stage import TEAM, TEAMMATE_ADMIN

Json = dict[str, Any]


@dataclass
class Thread:
    """One conversation, as both sides see it."""

    mode: str = "ai"
    assignee: str = "nobody"
    parts: list[Part] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    handover: Json | None = None


class Town:
    """What both doubles share."""

    def __init__(
        self, *, talks_over: bool = False, dumb: bool = False, forgets: bool = False
    ) -> None:
        self.talks_over, self.dumb, self.forgets = talks_over, dumb, forgets
        self.threads: dict[str, Thread] = {}
        self._last_id = 0

    def say(self, thread: Thread, author: str, name: str, text: str, kind: str = "comment") -> None:
        self._last_id += 1
        number = str(self._last_id)
        thread.parts.append(
            Part(
                id=number, kind=kind, author=name, by_bot=author in ("ai", "system"), text=text,
                assigned_to=None,
            )
        )  # fmt: skip
        shown = "note" if kind == "note" else "marker" if kind == "marker" else "message"
        thread.messages.append(
            {
                "id": number,
                "kind": shown,
                "author": {"kind": author, "name": name},
                "text": text,
                "state": "sent",
                "occurred_at": "2026-11-22T16:08:00Z",
            }
        )

    def mark(self, thread: Thread, text: str) -> None:
        self.say(thread, "system", "System", text, kind="marker")

    def answer(self, thread: Thread, text: str) -> None:
        if self.dumb or (thread.mode != "ai" and not self.talks_over):
            return
        if "640" in text:
            self.say(thread, "ai", "Sage", "A refund of 640 EUR is more than I may decide.")
            self.say(thread, "ai", "Sage", "Reason: Refund of 640 EUR", kind="note")
            self.say(thread, "system", "System", "I am handing you over to a colleague now.")
            thread.mode = "ai" if self.forgets else "human"
            thread.assignee = f"team:{TEAM}"
            thread.handover = {"trigger": "automatic", "reason": "Refund of 640 EUR"}
        else:
            self.say(thread, "ai", "Sage", f"FL-1077. You said: {text}")
            self.say(thread, "ai", "Sage", "Shipping is free.")


class DeskDouble(HelpDesk):
    """The helpdesk's people, without a helpdesk."""

    def __init__(self, town: Town) -> None:
        super().__init__("http://helpdesk.test")
        self._town = town

    def customer_starts(self, name: str, email: str, text: str) -> str:
        conversation = str(len(self._town.threads))
        thread = self._town.threads[conversation] = Thread()
        self._town.say(thread, "customer", name, text)
        self._town.answer(thread, text)
        return conversation

    def customer_writes(self, conversation: str, text: str) -> None:
        thread = self._town.threads[conversation]
        self._town.say(thread, "customer", "Nora", text)
        self._town.answer(thread, text)

    def assign(self, conversation: str, to: str, *, by: str) -> None:
        thread = self._town.threads[conversation]
        thread.assignee = to
        thread.mode = "ai" if to == "bot" else "human"
        if to == f"admin:{TEAMMATE_ADMIN}":
            self._town.mark(thread, "Transfer to human agent at 22 Nov 2026, 16:08")
            assigned = "Aoife Byrne was assigned by Aoife Byrne at 22 Nov 2026, 16:08"
            self._town.mark(thread, assigned)
        else:
            said = [one["text"] for one in thread.messages if one["author"]["kind"] == "operator"]
            self._town.answer(thread, said[-1])

    def reply(self, conversation: str, text: str, *, by: str) -> None:
        self._town.say(self._town.threads[conversation], "operator", "Aoife Byrne", text)

    def parts(self, conversation: str) -> list[Part]:
        return [one for one in self._town.threads[conversation].parts if one.kind != "marker"]

    def assignee(self, conversation: str) -> str:
        return self._town.threads[conversation].assignee

    def is_telling(self) -> bool:
        return False


class ObserverDouble(Observer):
    """The gateway's API, without a gateway."""

    def __init__(self, town: Town) -> None:
        super().__init__("http://gateway.test", "a token")
        self._town = town

    def session_of(self, conversation: str) -> Json | None:
        thread = self._town.threads[conversation]
        return {
            "id": conversation,
            "mode": thread.mode,
            "responsible": {"name": "Aoife Byrne" if thread.assignee.startswith("admin:") else ""},
            "last_handover": thread.handover,
        }

    def messages(self, session_id: str) -> Sequence[Json]:
        return self._town.threads[session_id].messages
