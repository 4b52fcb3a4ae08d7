"""Sync: customers in step with their channels: edits that are owed, and ids that were merged.

It shares a queue with reading: nobody who waits for an answer waits for it, and what it asks of a
channel leaves room for words to customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from gateway import contacts
from gateway.clock import to_micros
from gateway.commands import UpdateContact
from gateway.contacts import pushing, sending
from gateway.conversations import claims
from gateway.errors import Again, Never, NotFound, Paused, UnknownOutcome
from gateway.events import ContactSeen
from gateway.store import Transaction
from gateway.sync import identities
from gateway.sync.identities import CLAIM, Who
from gateway.sync.merged import DEADLINE_S, Merged
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

LEASE_S = 60.0
_BEGIN_TO_POST_S = 5.0
_REST_US = 60_000_000
_PAUSE_US = 2_000_000
_NOT_LET_IN = 401
"""A token that holds no more is put right by people; what is owed waits for that."""


class Contacts:
    """One piece of work is one identity: what is owed to it, or a look for those merged into it."""

    kind = "contacts"
    threads = 2

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._merged = Merged(parts, reader)

    def due(self, limit: int) -> Sequence[str]:
        """Identities that are owed an edit, or a look."""
        with self._database.read() as db:
            return self._due(db, self._now(), limit)

    def due_within(self, seconds: float) -> bool:
        """True if something becomes due that soon."""
        with self._database.read() as db:
            return bool(self._due(db, self._now() + int(seconds * 1e6), 1))

    def do(self, key: str) -> None:
        """Do what is due for one identity: one thing, then it is somebody's next turn."""
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, key, LEASE_S)
        )
        if token is None:
            return
        try:
            self._do(key, token)
        finally:
            self._database.write(lambda db: claims.release(db, CLAIM, key, token))

    def abandon(self, keys: Sequence[str]) -> None:
        """What was begun is read back by whoever comes next."""

    def _do(self, key: str, token: str) -> None:
        with self._database.read() as db:
            who = identities.find(db, key)
            push = identities.first(db, who, self._now()) if who is not None else None
        if who is None:
            return
        if push is not None:
            self._push(who, push, token)
        elif who.look_due is not None and who.look_due <= self._now():
            self._merged.look(who)

    def _due(self, db: Transaction, until: int, limit: int) -> Sequence[str]:
        now = self._database.now(db)
        awake = [name for name, one in self._parts.channels.items() if one.paused is None]
        return identities.due(db, awake, until, now, limit)

    # -- what is owed ------------------------------------------------------------------------------

    def _push(self, who: Who, push: Any, token: str) -> None:
        terms = self._parts.terms.get(who.channel)
        if terms is None or "update_contact" not in terms.channel.pushes:
            why = f"{who.channel} takes no edits: see push_contacts"
            if push.state == "owed" and terms is not None:
                self._database.write(lambda db: sending.fail(db, push.id, why, self._now()))
            else:
                self._rest(push, f"{who.channel} is not configured")
            return
        if (paused := self._parts.channels[who.channel].paused) is not None:
            self._rest(push, paused)
            return
        try:
            seen = self._reader.sender(who.channel).contact(who.external_id, deadline=DEADLINE_S)
        except (Again, Never) as trouble:
            self._not_looked(push, trouble)
            return
        except NotFound as gone:
            self._follow(who, push, gone)
            return
        if push.state != "owed":
            self._read_back(who, push, seen)
            return
        looked = self._parts.clock.monotonic()
        begun = self._database.write(lambda db: self._begin(db, who, push, token, seen))
        if begun.command is None:
            log.info("contact_push_not_begun", push=push.id, why=begun.why)
            return
        if self._parts.clock.monotonic() - looked > _BEGIN_TO_POST_S:
            # This process was frozen since the begin: the world may have moved on.
            self._later(push, "the sender was held up before the call", token=token)
            return
        self._post(who, push, token, begun.command)

    def _not_looked(self, push: Any, trouble: Again | Never) -> None:
        error = trouble.message
        if isinstance(trouble, Paused):
            self._rest(push, error)
        elif isinstance(trouble, Again) or trouble.details.get("status") == _NOT_LET_IN:
            self._later(push, error, after_us=_pause_us(trouble))
        else:
            self._database.write(lambda db: sending.fail(db, push.id, error, self._now()))

    def _begin(
        self, db: Transaction, who: Who, push: Any, token: str, seen: ContactSeen
    ) -> pushing.Begun:
        if not claims.holds(db, CLAIM, who.key, token):
            return pushing.Begun(why="somebody else took it")
        identities.see(db, who, seen, self._now())
        return pushing.begin(db, push.id, token, self._now())

    def _post(self, who: Who, push: Any, token: str, command: UpdateContact) -> None:
        try:
            sender = self._reader.sender(who.channel)
            seen = sender.update_contact(command, deadline=DEADLINE_S)
        except Paused as trouble:
            self._rest(push, trouble.message, token=token)
        except Again as trouble:
            self._later(push, trouble.message, token=token, after_us=_pause_us(trouble))
        except NotFound as gone:  # merged or deleted since the look: the next one follows it
            self._later(push, gone.message, token=token, after_us=_PAUSE_US)
        except Never as trouble:
            if trouble.details.get("status") == _NOT_LET_IN:
                self._later(push, trouble.message, token=token)
                return
            log.warning("contact_push_failed", push=push.id, error=trouble.message)
            error = trouble.message
            self._database.write(
                lambda db: sending.fail(db, push.id, error, self._now(), token=token)
            )
        except UnknownOutcome as trouble:
            self._unsure(push, token, trouble.message)
        except Exception as error:  # whatever broke, the request may have gone out
            log.error("sender_broke", push=push.id, exc_info=error)
            self._unsure(push, token, type(error).__name__)
        else:

            def settle(db: Transaction) -> None:
                identities.see(db, who, seen, self._now())
                sending.settle(db, push.id, self._now())

            self._database.write(settle)

    def _read_back(self, who: Who, push: Any, seen: ContactSeen) -> None:
        def apply(db: Transaction) -> str:
            identities.see(db, who, seen, self._now())
            return sending.read_back(db, push.id, self._now())

        state = self._database.write(apply)
        log.info("contact_push_read_back", push=push.id, state=state)

    def _unsure(self, push: Any, token: str, error: str) -> None:
        log.warning("contact_push_unknown", push=push.id, error=error)
        self._database.write(lambda db: sending.unsure(db, push.id, token, error))

    def _later(self, push: Any, error: str, *, token: str | None = None, after_us: int = 0) -> None:
        self._database.write(
            lambda db: sending.later(
                db, push.id, error, self._now(), token=token, after_us=after_us
            )
        )

    def _rest(self, push: Any, why: str, *, token: str | None = None) -> None:
        """Leave it alone until people have acted: no try, so no patience is used up."""
        self._database.write(
            lambda db: sending.later(
                db, push.id, why, self._now(), token=token, after_us=_REST_US, counts=False
            )
        )

    def _follow(self, who: Who, push: Any, gone: NotFound) -> None:
        """The channel has nobody under this id: somebody under another one, or nobody at all."""
        try:
            successor = self._merged.successor(who, gone)
        except (Again, Never) as trouble:
            self._not_looked(push, trouble)
            return
        now = self._now()

        def follow(db: Transaction) -> None:
            if successor is not None:
                self._merged.record(db, who, successor)
                pushing.moved(db, push.id, successor.id, now)
                return
            lost = ContactSeen(id=who.external_id, deleted=True)
            contacts.see(db, who.installation_id, [lost], now)
            sending.fail(db, push.id, f"{who.channel} no longer has this customer", now)

        self._database.write(follow)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _pause_us(trouble: Again | Never) -> int:
    return int((getattr(trouble, "after_s", None) or 0) * 1e6)
