"""Moves that races are made of: stop the other side at a point of its life, and act there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Any

from gateway.conversations import doors
from gateway.conversations.doors import Done
from gateway.events import Answer
from tests.rig import AOIFE, BOT, SUPERVISOR, Rig

Takeover = Callable[[Rig, str], Done | None]


def start(it: Rig, text: str = "Where is my order?", *, held: bool = True) -> str:
    """A conversation in which the AI has answered once; `held`: assigned to the bot's seat."""
    cid = str(it.world.customer_starts(text, name="Cleo").conversation.id)
    it.settle()
    if held:
        it.world.assign(cid, BOT, by=AOIFE)
        it.settle()
    it.advance(5)
    assert it.session(cid).mode == "ai"
    assert len(it.said_by_bot(cid)) == 1
    return cid


def ask(it: Rig, cid: str, text: str = "And when?", *answer: str) -> None:
    """Let the customer write; nobody has worked on it yet. `answer`: what the agent will say."""
    if answer:
        it.agent.next.append(Answer(messages=list(answer)))
    it.world.customer_replies(cid, text)
    it.advance(0.001)  # a channel tells whole seconds, so whatever we do about it is later
    it.hear()


def by_webhook(it: Rig, cid: str) -> None:
    """A teammate assigns the conversation to herself in the channel."""
    it.world.assign(cid, AOIFE, by=AOIFE)
    assert {attempt.status for attempt in it.hear()} == {200}


def by_door(it: Rig, cid: str) -> Done:
    """A supervisor presses the button on our pages."""
    done: Done = it.hand_over(it.session(cid).id, "a race")
    return done


def back(it: Rig, cid: str) -> Done:
    """A supervisor puts the AI back in charge."""
    done: Done = it.act(doors.hand_back, it.session(cid).id, SUPERVISOR)
    return done


def once(it: Rig, hook: str, kind: str, act: Callable[[], object]) -> list[bool]:
    """Act at the next call of this kind that comes to the hook; the list tells whether it did."""
    struck: list[bool] = []

    def at(call: Any) -> None:
        if call.kind == kind and not struck:
            struck.append(True)
            act()

    setattr(it.standin.faults.hooks, hook, at)
    return struck


def calls(it: Rig, *kinds: str) -> list[Any]:
    """The calls that reached the stand-in, of these kinds."""
    return [call for call in it.standin.requests if call.kind in kinds]


def pushed(it: Rig, *roles: str) -> list[tuple[str, str]]:
    """Role and state of what was owed, in order."""
    return [(push.role, push.state) for push in it.pushes() if not roles or push.role in roles]


def last(it: Rig, role: str = "answer") -> Any:
    """The newest push of a role."""
    return [push for push in it.pushes() if push.role == role][-1]


def lines(it: Rig, cid: str) -> list[tuple[str, str, str]]:
    """Author, text and state of the messages that the record holds."""
    return [(m.author_kind, m.text, m.state) for m in it.history(cid, "message")]


def said(it: Rig, cid: str) -> list[str]:
    """What the bot's seat said to the customer in the channel, as plain text."""
    return [re.sub(r"<[^>]+>", "", body) for body in it.said_by_bot(cid)]


def agree(it: Rig) -> None:
    """P5 and P6 at a test's end: nothing twice, in order, the record says what the channel has."""
    pushes = it.pushes()
    sent = [push for push in pushes if push.state == "sent" and push.external_id]
    # One part each, and one push each: nothing happened twice.
    twice = [id for id, n in Counter((p.external_id, p.kind) for p in sent).items() if n > 1]
    assert not twice, twice
    for cid, conversation in it.world.conversations.items():
        ours = {push.external_id for push in sent}
        parts = [part.id for part in conversation.parts]
        order = [parts.index(push.external_id) for push in sent if push.external_id in parts]
        assert order == sorted(order), (cid, order)
        told = [m for m in it.history(cid) if m.external_id in parts]
        assert len(told) == len({(m.external_id, m.kind) for m in told})
        in_place = [m.external_id for m in told if m.external_id in ours and m.kind == "message"]
        assert in_place == [part for part in parts if part in in_place]


class Meanwhile:
    """Runs something on another thread, and brings its errors home."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, args=(work,), daemon=True)

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Meanwhile:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.join()

    def join(self) -> None:
        """Wait for the end of it."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "the other thread hangs"
        if self._error is not None:
            error, self._error = self._error, None
            raise error


class Gate:
    """A point at which somebody is held until he is let go."""

    def __init__(self) -> None:
        self._there, self._go = Event(), Event()

    def hold(self, *_: object) -> None:
        """Called by who is to be held."""
        self._there.set()
        assert self._go.wait(20), "never let go"

    def wait(self) -> None:
        """Until somebody is held here."""
        assert self._there.wait(20), "nobody came"

    def open(self) -> None:
        """Let him go."""
        self._go.set()
