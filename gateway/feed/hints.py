"""Hints: what is worth showing at once and not worth keeping, such as that somebody is typing.

They go to this process at once and to others through Redis, and are never written down: whoever
misses one misses nothing that matters. Nobody who gives one waits for it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Literal

import msgspec
import redis
import structlog

log = structlog.get_logger(__name__)

HINTS = "gateway:hints"
"""The channel of Redis on which hints go."""

AGAIN_S = 1.0
"""The same hint again within so many seconds is dropped."""
SHOWN_S = 8.0
"""How long somebody is taken to be typing who has not said so again; pages say it every 4 s."""
_TYPIST = "gateway:typist:"
_LEFT_ALONE_S = 1.0
_MOST_WAITING = 1_000
_MOST_REMEMBERED = 10_000


class Hint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something about a session, by whom, at `at` (µs). Ids are the record's own.

    `typing`: they write, or (`on` is False) do no longer; `looking`: the same of reading it, for
    those inside alone; `look`: what the record says of the
    session has changed without an event of its own, as when the AI has begun to think.
    """

    kind: Literal["typing", "looking", "look"]
    conversation: str
    session: str
    by: Literal["customer", "operator", "ai"]
    id: str | None = None
    name: str | None = None
    on: bool = True
    at: int = 0


class Hints:
    """Gives hints to whoever listens. Safe to share; nothing runs before the first one."""

    def __init__(
        self, connection: redis.Redis | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Without a connection they stay in this process."""
        self._redis = connection
        self._monotonic = monotonic
        self._me = secrets.token_hex(8)
        self._listeners: tuple[Callable[[Hint], object], ...] = ()
        self._lock = threading.Lock()
        self._given: OrderedDict[tuple[object, ...], tuple[bool, float]] = OrderedDict()
        self._waiting: deque[Hint] = deque(maxlen=_MOST_WAITING)
        self._ready = threading.Event()
        self._giver: threading.Thread | None = None
        self._away_until = 0.0
        self._loses = False

    def listen(self, listener: Callable[[Hint], object]) -> None:
        """Have `listener` called with each hint; it must not wait."""
        self._listeners = (*self._listeners, listener)

    def give(self, hint: Hint) -> bool:
        """Give a hint; False if it came again too soon. Returns at once and never fails."""
        if not self._is_new(hint):
            return False
        self._tell(hint)
        if self._redis is not None:
            self._waiting.append(hint)
            if self._giver is None:
                self._start()
            self._ready.set()
        return True

    def typist(self, conversation: str) -> Hint | None:
        """Which person types to the customer of a conversation now, for those who have no stream.

        One round trip; None as well while Redis is away, which is left alone for a second then.
        """
        if self._redis is None or self._monotonic() < self._away_until:
            return None
        try:
            raw = self._redis.get(_TYPIST + conversation)
        except redis.RedisError:
            self._away_until = self._monotonic() + _LEFT_ALONE_S
            return None
        try:
            return None if raw is None else msgspec.json.decode(raw, type=Hint)
        except msgspec.DecodeError:  # of another version
            return None

    def hear(self, raw: bytes) -> None:
        """Pass on what another process gave; what is no hint is left aside."""
        given_by, body = raw[: len(self._me)], raw[len(self._me) :]
        if given_by == self._me.encode():
            return
        try:
            hint = msgspec.json.decode(body, type=Hint)
        except msgspec.DecodeError:
            log.info("hint_unreadable")  # of another version, perhaps
            return
        self._tell(hint)

    def _tell(self, hint: Hint) -> None:
        for listener in self._listeners:
            listener(hint)

    def _is_new(self, hint: Hint) -> bool:
        """Bound what one who types gives: it changes, or it is long enough ago."""
        key = (hint.kind, hint.session, hint.by, hint.id)
        now = self._monotonic()
        with self._lock:
            on, at = self._given.get(key, (None, 0.0))
            if hint.kind == "typing" and on == hint.on and now - at < AGAIN_S:
                return False
            self._given[key] = (hint.on, now)
            self._given.move_to_end(key)
            if len(self._given) > _MOST_REMEMBERED:
                self._given.popitem(last=False)
        return True

    def _start(self) -> None:
        with self._lock:
            if self._giver is None:
                self._giver = threading.Thread(target=self._run, name="hints", daemon=True)
                self._giver.start()

    def _run(self) -> None:
        while True:
            self._ready.wait()
            self._ready.clear()
            while self._waiting:
                self._publish(self._waiting.popleft())

    def _publish(self, hint: Hint) -> None:
        if self._redis is None:
            return
        body = msgspec.json.encode(hint)
        said = self._me.encode() + body
        try:
            if hint.kind == "typing" and hint.by == "operator":
                with self._redis.pipeline(transaction=False) as pipeline:
                    pipeline.publish(HINTS, said)
                    if hint.on:
                        typist = _TYPIST + hint.conversation
                        pipeline.set(typist, body, px=int(SHOWN_S * 1000))
                    else:
                        pipeline.delete(_TYPIST + hint.conversation)
                    pipeline.execute()
            else:
                self._redis.publish(HINTS, said)
        except redis.RedisError as error:
            if not self._loses:  # said once, however many are lost
                log.info("hint_lost", error=type(error).__name__)
            self._loses = True
        else:
            self._loses = False
