"""Calling operators by mail to sessions that wait while nobody is online.

It shares a queue with reading, not with what customers wait for: a mail server may be slow.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from gateway.clock import to_micros
from gateway.conversations import claims
from gateway.errors import Again, Never, UnknownOutcome
from gateway.people import waiting
from gateway.people.presence import Seen
from gateway.people.routing import Candidate
from gateway.sinks.waiting import WaitMailer
from gateway.store import Transaction
from gateway.store.models import Claim
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "wait_mails"
SEND = "send"
_LEASE_S = 150.0
_MOST_AT_ONCE = 20
# No mail begins after this: a connection ends after 90 s, and each read may take 10.
_ENOUGH_S = 40.0


class WaitMails:
    """A piece of work for each session that calls people, and one that sends what is owed."""

    kind = "waiting"
    threads = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database
        self._agents = [agent.name for agent in parts.agents.values() if agent.email_when_waiting]

    def due(self, limit: int) -> Sequence[str]:
        """Sessions with nobody there for them, and sending if anything is owed."""
        if self._parts.wait_mailer is None or not self._agents:
            return []
        now = self._now()
        with self._database.read() as db:
            awaited = [name for name in waiting.agents_awaited(db, now) if name in self._agents]
            sends = self._sends(db, now)
        calls: Sequence[str] = ()
        if awaited:
            seen = self._parts.presences.read()
            with self._database.read() as db:
                alone = [agent for agent in awaited if self._to_call(db, seen, agent, now)]
                calls = waiting.uncalled(db, alone, now, limit)
        return [*([SEND] if sends else []), *calls]

    def due_within(self, seconds: float) -> bool:
        """Nothing is that urgent: the scheduler comes again."""
        return False

    def do(self, key: str) -> None:
        """Owe mails for a session, or send those that are owed."""
        if key == SEND:
            self._send()
        else:
            self._call(key)

    def abandon(self, keys: Sequence[str]) -> None:
        """What is owed stays owed; what was being sent is not sent again."""

    def _sends(self, db: Transaction, now: int) -> bool:
        if not waiting.due(db, now, 1) and not waiting.any_lost(db, now):
            return False
        held = select(Claim.key).where(
            Claim.kind == CLAIM, Claim.key == SEND, Claim.until > self._database.now(db)
        )
        return db.scalar(held) is None

    def _to_call(self, db: Transaction, seen: Seen, agent: str, now: int) -> Sequence[Candidate]:
        if not seen.sure:
            return ()
        candidates = self._parts.availability.candidates(db, seen, agent, now)
        return waiting.to_call(db, candidates, now)

    def _call(self, session_id: str) -> None:
        now, seen = self._now(), self._parts.presences.read()

        def owe(db: Transaction) -> int:
            one = waiting.still_waits(db, session_id, now)
            if one is None:
                return 0
            return waiting.owe(db, one, self._to_call(db, seen, one.agent, now), now)

        count = self._database.write(owe)
        if count:
            log.info("operators_called", session=session_id, count=count)

    # -- sending -----------------------------------------------------------------------------------

    def _send(self) -> None:
        mailer = self._parts.wait_mailer
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, SEND, _LEASE_S)
        )
        if token is None or mailer is None:
            return
        try:
            self._database.write(lambda db: waiting.give_up_lost(db, self._now()))
            with self._database.read() as db:
                ids = waiting.due(db, self._now(), _MOST_AT_ONCE)
            if ids:
                self._send_all(mailer, ids)
        finally:
            self._database.write(lambda db: claims.release(db, CLAIM, SEND, token))

    def _send_all(self, mailer: WaitMailer, ids: Sequence[str]) -> None:
        clock = self._parts.clock
        ends = clock.monotonic() + _ENOUGH_S
        try:
            with mailer.connected() as connection:
                for id in ids:
                    if clock.monotonic() >= ends or not self._send_one(connection.send, id):
                        return
        except Again as trouble:
            error = trouble.message
            left = self._database.write(lambda db: waiting.not_begun(db, ids, error, self._now()))
            log.warning("wait_mail_not_sent", error=error, again=left)

    def _send_one(self, send: waiting.Send, id: str) -> bool:
        """Send one mail; False if the connection is good for nothing any more."""
        mail = self._database.write(lambda db: waiting.begin(db, id, self._now()))
        if mail is None:
            return True
        try:
            send(mail)
        except Again as trouble:
            error = trouble.message
            left = self._database.write(lambda db: waiting.not_taken(db, id, error, self._now()))
            log.warning("wait_mail_not_sent", error=error, again=left)
        except (Never, UnknownOutcome) as trouble:
            error = trouble.message
            self._database.write(lambda db: waiting.failed(db, id, error, self._now()))
            log.warning("wait_mail_not_sent", error=error, again=False)
            return isinstance(trouble, Never)
        else:
            self._database.write(lambda db: waiting.sent(db, id, self._now()))
        return True

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
