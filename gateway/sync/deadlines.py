"""Deadlines: customers who wait too long for people, and sessions to be offered to the next one."""

from __future__ import annotations

from collections.abc import Sequence

from gateway import feed
from gateway.clock import to_micros
from gateway.conversations import deadlines, offers
from gateway.conversations.deadlines import Climbed
from gateway.conversations.thread import Held, lock_session
from gateway.handover import Run, Wait
from gateway.people import routing
from gateway.people.availability import Reach, offered, within
from gateway.people.presence import Seen
from gateway.people.routing import Candidate
from gateway.people.waiting import Waiting, owe
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.wiring import Parts

LOOK_AGAIN_S = 15.0
"""How long it takes until somebody is looked for again when nobody was free."""


class Deadlines:
    """Climbs the ladder of every session whose customer has waited too long; makes offers."""

    kind = "deadlines"
    threads = 2

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._in_turn = [
            agent.name for agent in parts.agents.values() if agent.routing == "round_robin"
        ]

    def due(self, limit: int) -> Sequence[str]:
        """Sessions with something to do about them now."""
        now = self._now()
        with self._database.read() as db:
            found = deadlines.due(db, now, limit)
            if self._in_turn and len(found) < limit:
                found += offers.due(db, self._in_turn, now, limit)
        return list(dict.fromkeys(found))[:limit]

    def due_within(self, seconds: float) -> bool:
        """Deadlines are not that urgent: the scheduler comes twice a second."""
        return False

    def do(self, session_id: str) -> None:
        """Do what one session's deadline asks for, if it still does."""
        # Asked before the transaction: nothing is locked while Redis thinks.
        seen = self._parts.presences.read() if self._in_turn else Seen(known=False)
        climbed = self._database.write(lambda db: self._look_after(db, session_id, seen))
        for kind in sorted(climbed.owed):
            self._parts.waker.wake(kind)

    def abandon(self, keys: Sequence[str]) -> None:
        """What is not done stays due."""

    def _look_after(self, db: Transaction, session_id: str, seen: Seen) -> Climbed:
        held, row = lock_session(db, session_id)
        terms = self._parts.terms.get(row.channel)
        if terms is None:
            return Climbed()  # its channel is not configured any more
        now = self._now()
        climbed = deadlines.climb(db, terms, held, row, self._parts.reception, now)
        run = held.thread.run  # as the climb left it
        if run is not None and run.wait is not None and row.status == "active":
            if terms.agent.routing == "round_robin" and run.wait.step == "accept":
                self._offer(db, terms, held, session_id, run, run.wait, seen, now)
            if climbed.notify and terms.agent.email_when_waiting:
                self._call(db, terms, session_id, run, run.wait, seen, now)
        return climbed

    def _call(
        self,
        db: Transaction,
        terms: Terms,
        session_id: str,
        run: Run,
        wait: Wait,
        seen: Seen,
        now: int,
    ) -> None:
        """Owe mails about a wait that takes too long: to whoever holds the session, else to all
        who are asked. One for each operator and wait, so whoever was called before is not again."""
        if self._parts.wait_mailer is None:
            return
        people = self._parts.availability.candidates(db, seen, terms.agent.name, now, reach="all")
        channel, holder_id = terms.channel.name, run.responsible.id
        holder = [
            one for one in people if holder_id and holder_id in (one.id, one.links.get(channel))
        ]
        to = holder or [one for one in _asked(people, terms, run) if one.in_hours]
        waiting = Waiting(session_id=session_id, agent=terms.agent.name, since=wait.since)
        owe(db, waiting, to, now)

    def _offer(
        self,
        db: Transaction,
        terms: Terms,
        held: Held,
        session_id: str,
        run: Run,
        wait: Wait,
        seen: Seen,
        now: int,
    ) -> None:
        """Offer a session that waits to the next one, if it stands offered to nobody."""
        standing = offers.current(db, session_id)
        if standing is not None:
            if standing.until > now:
                return
            offers.end(db, session_id, "expired", now)
        everybody = self._parts.availability.candidates(
            db, seen, terms.agent.name, now, reach="all"
        )
        people = _asked(everybody, terms, run)
        asked = offers.asked(db, session_id, wait.since)
        chosen = routing.next_offer(people, [one for one in asked if one], "round_robin")
        if chosen is None:
            # Everybody was asked: another round, beginning with whoever was asked longest ago.
            # Who is alone is left in peace for a moment before being asked again.
            chosen = routing.next_offer(people, [one for one in asked[-1:] if one], "round_robin")
        if chosen is None:
            offers.offer(db, session_id, None, now, now + int(LOOK_AGAIN_S * 1e6))
            return
        offers.offer(db, session_id, chosen.id, now, now + int(terms.agent.offer_s * 1e6))
        offered(db, chosen.id, now)
        feed.tell(db, "session.updated", at=now, session_id=session_id, conversation_id=held.id)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _asked(everybody: Sequence[Candidate], terms: Terms, run: Run) -> list[Candidate]:
    """Whom a session that waits is for: those of our team that it was given to, else its agent's
    own people, or everybody once it has waited for too long."""
    if not run.widened and not terms.channel.policy.native_assignment:
        members = [one for one in everybody if run.responsible.team in one.team_ids]
        if members:
            return members
    return within(everybody, _reach(run))


def _reach(run: Run) -> Reach:
    return "all" if run.widened else "first"
