"""Deliver: carry out what sessions owe their channel, each conversation in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway.clock import to_micros
from gateway.commands import Command, Done
from gateway.conversations import claims, heads, lanes, pushes, record
from gateway.conversations.heads import Head
from gateway.conversations.lanes import Begun, Seen
from gateway.conversations.thread import Held, ask_conversation, lock_conversation
from gateway.errors import Again, Never, NotFound, Paused, UnknownOutcome
from gateway.logs import about
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.sync.ahead import AHEAD_US, Ahead
from gateway.sync.reading import LOOK_DEADLINE_S, Reader, Reading, observe
from gateway.tracing import Span, span
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

LEASE_S = 20.0
_EXTEND_AFTER_S = 5.0
BEGIN_TO_POST_S = 5.0
DEADLINE_S = 10.0
_PAUSE_US = 2_000_000
_REST_US = 300_000_000
_GONE = "the channel no longer has the conversation"


@dataclass(slots=True, kw_only=True)
class _Lane:
    """A lane that we took: with what claim, whether we still `held` it, and what goes first."""

    token: str
    head: Head | None
    held: bool = True


class Deliver:
    """Works on many conversations at once, and on each alone."""

    kind = "deliver"
    threads = 16

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._ahead = Ahead()

    def due(self, limit: int) -> Sequence[str]:
        """Conversations whose first push is due."""
        now = self._now()
        with self._database.read() as db:
            coming = heads.due(db, self._database.now(db), now + AHEAD_US, limit)
        return self._ahead.due_of(coming, now, limit)

    def due_within(self, seconds: float) -> bool:
        """True if a push becomes due that soon, as of the last look."""
        return self._ahead.within(seconds, self._now())

    def do(self, conversation_id: str) -> None:
        """Carry out what is due in one conversation, first things first."""
        token, head = self._database.write(lambda db: self._take(db, conversation_id))
        if token is None:
            return
        lane = _Lane(token=token, head=head)
        taken = self._parts.clock.monotonic()
        try:
            while lane.head is not None and self._step(lane.head, lane):
                if self._parts.clock.monotonic() - taken > _EXTEND_AFTER_S:
                    taken = self._parts.clock.monotonic()
                    if not self._extend(conversation_id, token):
                        return
        finally:
            if lane.held:
                self._database.write(
                    lambda db: claims.release(db, heads.CLAIM, conversation_id, token)
                )

    def abandon(self, keys: Sequence[str]) -> None:
        """What was begun is read back by whoever comes next; nothing to give back."""
        log.warning("posts_abandoned", conversations=list(keys))

    def _take(self, db: Transaction, conversation_id: str) -> tuple[str | None, Head | None]:
        """Take a lane and see what goes first; no token if somebody else has it."""
        with db.in_one_trip():
            taken = claims.ask_for(db, self._database, heads.CLAIM, conversation_id, LEASE_S)
            head = heads.ask_head(db, conversation_id)
        token = taken()
        return token, head() if token else None

    def _step(self, head: Head, lane: _Lane) -> bool:
        """Move the first push of the lane; False if there is nothing to do for now."""
        if head.due_at > self._now():
            return False
        names = {"push": head.id, "session": head.session_id}
        lane.head = None
        with (
            about(origin=head.origin, conversation=head.conversation_id, **names),
            span("deliver", {**names, "role": head.role}) as whole,
        ):
            terms = self._parts.terms.get(head.channel)
            if terms is None:
                self._postpone(head, lane.token, Again("its channel is not configured", after_s=60))
                return False
            if (paused := self._parts.channels[head.channel].paused) is not None:
                self._rest(head, lane.token, paused)
                return False
            if head.state in ("sending", "unknown"):
                goes_on = self._read_back(terms, head, whole)
            else:
                goes_on = self._send(terms, head, lane, whole)
        if goes_on and lane.held and lane.head is None:
            with self._database.read() as db:
                lane.head = heads.head(db, head.conversation_id)
        return goes_on

    def _extend(self, conversation_id: str, token: str) -> bool:
        """Hold the lane for longer. If a step outlasts the lease, `begin` finds the token gone."""
        return self._database.write(
            lambda db: claims.extend(
                db, self._database, heads.CLAIM, conversation_id, token, LEASE_S
            )
        )

    # -- the look, the begin, the post -------------------------------------------------------------

    def _send(self, terms: Terms, head: Head, lane: _Lane, whole: Span) -> bool:
        token, reading = lane.token, None
        if head.needs_look:
            try:
                reading = self._look(head)
            except Paused as trouble:
                self._rest(head, token, trouble.message)
                return False
            except (Again, Never) as trouble:  # not looked: not sent
                return self._not_looked(terms, head, token, trouble)
            except NotFound:
                self._gone(terms, head)
                return True
        begun_about = self._parts.clock.monotonic()
        begun = self._database.write(lambda db: self._begin(db, terms, head, token, reading))
        self._wake(begun.owed)
        if begun.command is None:
            whole.note(state="not_begun")
            log.info("push_not_begun", why=begun.why)
            return not begun.lost
        log.info("push_begun", role=head.role)
        return self._post(terms, head, lane, begun.command, begun_about, whole)

    def _look(self, head: Head) -> Reading:
        with span("look", {"channel": head.channel}, calls=True):
            return self._reader.read(head.channel, head.external_id, LOOK_DEADLINE_S)

    def _begin(
        self, db: Transaction, terms: Terms, head: Head, token: str, reading: Reading | None
    ) -> Begun:
        held = lock_conversation(db, head.conversation_id)
        owed: set[str] = set()
        seen = None
        if reading is not None:
            owed |= observe(self._parts.inbox, db, held, reading, head.hold).owed
            snapshot = reading.snapshot
            seen = Seen(
                assignee=snapshot.assignee,
                closed=snapshot.closed,
                updated_at=snapshot.updated_at,
            )
        begun = lanes.begin(db, terms, held, head.id, token, seen, self._now())
        begun.owed |= owed
        return begun

    def _post(
        self,
        terms: Terms,
        head: Head,
        lane: _Lane,
        command: Command,
        begun_about: float,
        whole: Span,
    ) -> bool:
        token = lane.token
        if self._parts.clock.monotonic() - begun_about > BEGIN_TO_POST_S:
            # This process was frozen since the begin: the world may have moved on.
            self._postpone(head, token, Again("the sender was held up before the call"))
            return True
        try:
            with span("post", {"channel": head.channel}, calls=True):
                done = self._reader.sender(head.channel).push(command, deadline=DEADLINE_S)
        except Paused as trouble:
            self._rest(head, token, trouble.message)
            return False
        except Again as trouble:
            log.info("push_put_off", error=trouble.message)
            self._postpone(head, token, trouble)
            return False
        except Never as trouble:
            self._refused(terms, head, token, trouble.message)
            return True
        except UnknownOutcome as trouble:
            accepted = bool(trouble.details.get("accepted"))
            self._unsure(head, token, trouble.message, accepted=accepted)
            return False
        except Exception as error:  # whatever broke, the request may have gone out
            log.error("sender_broke", exc_info=error)
            self._unsure(head, token, type(error).__name__)
            return False
        begun, following = self._database.write(
            lambda db: self._settle(db, terms, head, token, done)
        )
        lane.head, lane.held = following, following is not None
        self._wake(begun.owed)
        whole.note(state="sent")
        log.info("push_sent", external_id=done.id)
        return True

    def _not_looked(self, terms: Terms, head: Head, token: str, trouble: Again | Never) -> bool:
        now = self._now()
        until = now + _pause_us(trouble)
        begun = self._ended(
            head,
            lambda db, held: lanes.not_looked(
                db, terms, held, head.id, token, until, trouble.message, now
            ),
        )
        return not begun.lost

    def _refused(self, terms: Terms, head: Head, token: str, error: str) -> None:
        log.warning("push_failed", error=error)
        self._ended(
            head,
            lambda db, held: lanes.fail(db, terms, held, head.id, error, self._now(), token=token),
        )

    def _gone(self, terms: Terms, head: Head) -> None:
        """Nothing can be done in a conversation that the channel no longer has."""
        self._reader.gone(head.conversation_id)
        log.warning("push_failed", error=_GONE)
        self._ended(head, lambda db, held: lanes.fail(db, terms, held, head.id, _GONE, self._now()))

    def _unsure(self, head: Head, token: str, error: str, *, accepted: bool = False) -> None:
        log.warning("push_unknown", error=error)
        self._database.write(
            lambda db: lanes.unsure(db, head.id, error, accepted=accepted, token=token)
        )

    def _settle(
        self, db: Transaction, terms: Terms, head: Head, token: str, done: Done
    ) -> tuple[Begun, Head | None]:
        """Settle a push that was done; return what goes next in its lane.

        If nothing does, the lane is given back in the same commit: what is owed after it finds it
        free.
        """
        with db.in_one_trip():
            locked = ask_conversation(db, head.conversation_id)
            push = pushes.ask_one(db, head.id)
        held, begun, now = locked(), Begun(), self._now()
        facts = pushes.settle(db, held, push(), done, now)
        if facts:
            begun.owed = record.apply(db, terms, held, facts, now=now, source="receipt").owed
        following = heads.head(db, head.conversation_id)
        if following is None or following.due_at > now:
            claims.release(db, heads.CLAIM, head.conversation_id, token)
            following = None
        return begun, following

    # -- after an unknown outcome ------------------------------------------------------------------

    def _read_back(self, terms: Terms, head: Head, whole: Span) -> bool:
        try:
            reading = self._look(head)
        except (Again, Never) as trouble:
            self._look_again(head, trouble.message)
            return False
        except NotFound:
            self._gone(terms, head)
            return True

        def apply(db: Transaction, held: Held) -> Begun:
            outcome = observe(self._parts.inbox, db, held, reading, head.hold)
            state = lanes.read_back(db, held, head.id, self._now())
            whole.note(state=state)
            log.info("push_read_back", state=state)
            return Begun(owed=outcome.owed)

        self._ended(head, apply)
        return True

    def _look_again(self, head: Head, error: str) -> None:
        at = self._now() + _PAUSE_US
        self._database.write(lambda db: lanes.look_again(db, head.id, at, error))

    # -- what they share ---------------------------------------------------------------------------

    def _rest(self, head: Head, token: str, why: str) -> None:
        """Leave the lane alone until the channel is asked again, which makes it due at once."""
        until = self._now() + _REST_US

        def rest(db: Transaction) -> None:
            if head.state == "owed":
                lanes.rest(db, head.id, until, why, token=token)
            else:
                lanes.look_again(db, head.id, until, why)

        self._database.write(rest)
        log.info("push_rests", push=head.id, channel=head.channel)

    def _ended(self, head: Head, work: Callable[[Transaction, Held], Begun]) -> Begun:
        begun = self._database.write(
            lambda db: work(db, lock_conversation(db, head.conversation_id))
        )
        self._wake(begun.owed)
        return begun

    def _postpone(self, head: Head, token: str, trouble: Again | Never) -> None:
        now = self._now()
        until = now + _pause_us(trouble)
        self._database.write(
            lambda db: lanes.postpone(db, head.id, until, trouble.message, now, token=token)
        )

    def _wake(self, owed: set[str]) -> None:
        for kind in sorted(owed - {self.kind}):
            self._parts.waker.wake(kind)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _pause_us(trouble: Again | Never) -> int:
    return int((getattr(trouble, "after_s", None) or 0) * 1e6) or _PAUSE_US
