"""Turns: ask the AI agent what is owed a question, and record what it answers."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import update

from gateway.answers import record_answer
from gateway.clock import to_micros
from gateway.contacts.pushing import takers_of
from gateway.conversations import asking
from gateway.conversations.asking import Began, Unheard
from gateway.conversations.thread import lock_conversation
from gateway.errors import Again, Conflict, GatewayError, Never, NotFound, Unavailable
from gateway.events import Answer, Later, Turn
from gateway.feed import Hint
from gateway.logs import about
from gateway.policy import Terms
from gateway.store.models import TurnRow
from gateway.sync.ahead import AHEAD_US, Ahead
from gateway.sync.reading import LOOK_DEADLINE_S, Reader, observe
from gateway.tracing import Span, span
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_WAIT_TO_HEAR_US = 10_000_000
_LOOK_AGAIN_US = 2_000_000
_REST_US = 300_000_000


class Turns:
    """Asks many agents at once: they are slow and the processor is not."""

    kind = "turns"
    threads = 32

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._ahead = Ahead()

    def due(self, limit: int) -> Sequence[str]:
        """Turns that are due."""
        now = self._now()
        with self._database.read() as db:
            coming = asking.due(db, now + AHEAD_US, limit)
        return self._ahead.due_of(coming, now, limit)

    def due_within(self, seconds: float) -> bool:
        """True if a turn becomes due that soon, as of the last look."""
        return self._ahead.within(seconds, self._now())

    def do(self, turn_id: str) -> None:
        """Ask one turn and record its answer; no transaction is open while the agent thinks."""
        with about(turn=turn_id):
            if not self._rests(turn_id):
                self._begin(turn_id)

    def _begin(self, turn_id: str, *, heard: bool = False) -> None:
        terms_of, reception = self._parts.terms, self._parts.reception
        turn, began = self._database.write(
            lambda db: asking.begin(
                db, terms_of, turn_id, self._now(), self._link, reception, heard=heard
            )
        )
        if isinstance(turn, Unheard):
            if self._has_heard(turn_id):
                self._begin(turn_id, heard=True)
            return
        if turn is None:
            return
        with about(origin=began.origin, conversation=began.conversation_id):
            if not isinstance(turn, Turn):
                log.info("turn_not_asked", why=turn.why)
                self._wake(turn.owed)
                return
            with about(session=turn.session):
                self._look(turn, began.conversation_id)
                self._ask(terms_of[turn.channel], turn, began)
                self._look(turn, began.conversation_id)

    def abandon(self, keys: Sequence[str]) -> None:
        """Let another worker ask at once; of two answers, the first one counts."""
        try:
            self._database.write(
                lambda db: db.execute(
                    update(TurnRow)
                    .where(TurnRow.id.in_(keys), TurnRow.state == "asking")
                    .values(state="due", due_at=self._now())
                )
            )
        except Unavailable as trouble:
            log.warning("turns_not_given_back", error=trouble.message)

    def _ask(self, terms: Terms, turn: Turn, began: Began) -> None:
        agent, number = terms.agent.name, began.tries
        log.info("turn_asked", agent=agent, cause=turn.cause, number=number)
        names = {"turn": turn.id, "session": turn.session, "agent": agent}
        with span("turn", {**names, "try": number}) as whole:
            try:
                with span("ask", {"agent": agent}, calls=True):
                    answer = self._parts.agents[agent].asks.ask(self._parts.files.with_links(turn))
            except (Again, Never) as trouble:
                self._failed(terms, turn, number, trouble, whole)
            except Exception as error:  # a bug in an agent's code must not leave customers waiting
                log.error("agent_broke", exc_info=error)
                broken = Never(f"{type(error).__name__} while asking the agent")
                self._failed(terms, turn, number, broken, whole)
            else:
                self._take(terms, turn, answer, began.conversation_id, whole)

    def _take(
        self, terms: Terms, turn: Turn, answer: Answer | Later, conversation_id: str, whole: Span
    ) -> None:
        if isinstance(answer, Later):
            whole.note(verdict="later")
            log.info("turn_waits_for_reply")
            self._database.write(
                lambda db: asking.wait_for_reply(db, terms.agent, turn.id, self._now())
            )
            return
        self._answered(terms, turn, answer, conversation_id, whole)

    def _rests(self, turn_id: str) -> bool:
        """True if its channel is paused: the answer could not be sent, and would grow old."""
        paused = [name for name, one in self._parts.channels.items() if one.paused is not None]
        if not paused:
            return False
        until = self._now() + _REST_US
        return self._database.write(lambda db: asking.rest(db, turn_id, paused, until))

    def _has_heard(self, turn_id: str) -> bool:
        """Read what people said before the AI goes on after them; False if that must wait.

        A notification may be lost, and an AI that has not heard what a person promised is worse
        than none. If the channel cannot be read, the answer could not be sent either.
        """
        with self._database.read() as db:
            back = asking.returned(db, turn_id)
        if back is None or back.due_at > self._now():
            return True
        if not self._parts.channels[back.channel].remote:
            return True
        try:
            reading = self._reader.read(back.channel, back.external_id, LOOK_DEADLINE_S)
        except NotFound:
            self._reader.gone(back.conversation_id)
            return True
        except (Again, Never, KeyError) as trouble:
            now = self._now()
            if now - back.owed_at > _WAIT_TO_HEAR_US:
                return True
            log.warning("turn_waits", origin=back.origin, error=str(trouble))
            self._database.write(lambda db: asking.wait(db, turn_id, now + _LOOK_AGAIN_US))
            return False
        known = (back.held_since, back.read_due)
        inbox = self._parts.inbox
        owed = self._database.write(
            lambda db: (
                observe(inbox, db, lock_conversation(db, back.conversation_id), reading, known).owed
            )
        )
        self._wake(owed)
        return True

    def _answered(
        self, terms: Terms, turn: Turn, answer: Answer, conversation_id: str, whole: Span
    ) -> None:
        link = self._link(turn.session)
        try:
            recorded = self._database.write(
                lambda db: record_answer(
                    db,
                    terms,
                    turn.id,
                    turn.session,
                    answer,
                    now=self._now(),
                    link=link,
                    reception=self._parts.reception,
                    takers=takers_of(self._parts.terms.values()),
                )
            )
        except Conflict as other:  # we were taken for dead, and another worker's answer came first
            log.warning("turn_answered_twice", error=other.message)
            return
        whole.note(verdict=recorded.verdict)
        log.info("turn_answered", verdict=recorded.verdict, why=recorded.why)
        self._wake(recorded.owed, lane=conversation_id)

    def _failed(
        self, terms: Terms, turn: Turn, number: int, trouble: GatewayError, whole: Span
    ) -> None:
        link = self._link(turn.session)
        recorded = self._database.write(
            lambda db: asking.record_failure(
                db,
                terms,
                turn.id,
                trouble,
                now=self._now(),
                link=link,
                of_try=number,
                reception=self._parts.reception,
            )
        )
        whole.note(verdict=recorded.verdict)
        log.warning("turn_failed", verdict=recorded.verdict, error=trouble.message)
        self._wake(recorded.owed)

    def _look(self, turn: Turn, conversation_id: str) -> None:
        """The AI has read what it was told, and thinks; or it has done so. That is no event."""
        if not self._parts.channels[turn.channel].remote:  # others do not show it
            self._parts.hints.give(
                Hint(kind="look", conversation=conversation_id, session=turn.session, by="ai")
            )

    def _link(self, session_id: str) -> str:
        return self._parts.link(session_id)

    def _wake(self, owed: set[str], *, lane: str = "") -> None:
        """Wake those who do what is owed now; `lane` is where it is owed, if that is known."""
        for kind in sorted(owed):
            self._parts.waker.wake(kind, lane if kind == "deliver" else "")

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
