"""Sync: customers in step with their channels: edits that are owed, and ids that were merged.

It shares a queue with reading: nobody who waits for an answer waits for it, and what it asks of a
channel leaves room for words to customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import select, update

from gateway import contacts
from gateway.clock import to_micros
from gateway.contacts import pushing
from gateway.contacts.marks import read_marks
from gateway.conversations import claims
from gateway.errors import Again, Never, NotFound, UnknownOutcome
from gateway.events import ContactSeen
from gateway.store import Transaction
from gateway.store.models import Claim, ContactIdentity, ContactPush, Conversation, Installation
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "contact"
LEASE_S = 60.0
DEADLINE_S = 10.0
_BEGIN_TO_POST_S = 5.0
_NOT_CONFIGURED_US = 60_000_000
_PAUSE_US = 2_000_000
_LOOK_AGAIN_US = 60_000_000
_MOST_MERGED = 20
_NOT_LET_IN = 401
"""A token that holds no more is put right by people; what is owed waits for that."""
_FURTHEST = 5
"""So many ids in a row are followed that were each merged into the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Who:
    """A customer as one installation knows them."""

    installation_id: str
    channel: str
    external_id: str
    contact_id: str

    @property
    def key(self) -> str:
        return f"{self.installation_id}/{self.external_id}"


class Contacts:
    """One piece of work is one identity: what is owed to it, or a look for those merged into it."""

    kind = "contacts"
    threads = 2

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader

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
        installation_id, _, external_id = key.partition("/")
        with self._database.read() as db:
            who, look_due = _find(db, installation_id, external_id)
            push = _first(db, installation_id, external_id, self._now())
        if who is None:
            return
        if push is not None:
            self._push(who, push, token)
        elif look_due is not None and look_due <= self._now():
            self._look_for_merged(who)

    # -- what is owed ------------------------------------------------------------------------------

    def _push(self, who: _Who, push: Any, token: str) -> None:
        terms = self._parts.terms.get(who.channel)
        if terms is None or "update_contact" not in terms.channel.pushes:
            why = f"{who.channel} takes no edits: see push_contacts"
            if push.state == "owed" and terms is not None:
                self._database.write(lambda db: pushing.fail(db, push.id, why, self._now()))
            else:
                self._later(push, f"{who.channel} is not configured", after_us=_NOT_CONFIGURED_US)
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
        if isinstance(trouble, Again) or trouble.details.get("status") == _NOT_LET_IN:
            self._later(push, error, after_us=_pause_us(trouble))
        else:
            self._database.write(lambda db: pushing.fail(db, push.id, error, self._now()))

    def _begin(
        self, db: Transaction, who: _Who, push: Any, token: str, seen: ContactSeen
    ) -> pushing.Begun:
        if not claims.holds(db, CLAIM, who.key, token):
            return pushing.Begun(why="somebody else took it")
        contacts.see(db, who.installation_id, [seen], self._now())
        return pushing.begin(db, push.id, token, self._now())

    def _post(self, who: _Who, push: Any, token: str, command: Any) -> None:
        try:
            sender = self._reader.sender(who.channel)
            seen = sender.update_contact(command, deadline=DEADLINE_S)
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
                lambda db: pushing.fail(db, push.id, error, self._now(), token=token)
            )
        except UnknownOutcome as trouble:
            self._unsure(push, token, trouble.message)
        except Exception as error:  # whatever broke, the request may have gone out
            log.error("sender_broke", push=push.id, exc_info=error)
            self._unsure(push, token, type(error).__name__)
        else:

            def settle(db: Transaction) -> None:
                contacts.see(db, who.installation_id, [seen], self._now())
                pushing.settle(db, push.id, self._now())

            self._database.write(settle)

    def _read_back(self, who: _Who, push: Any, seen: ContactSeen) -> None:
        def apply(db: Transaction) -> str:
            contacts.see(db, who.installation_id, [seen], self._now())
            return pushing.read_back(db, push.id, self._now())

        state = self._database.write(apply)
        log.info("contact_push_read_back", push=push.id, state=state)

    def _unsure(self, push: Any, token: str, error: str) -> None:
        log.warning("contact_push_unknown", push=push.id, error=error)
        self._database.write(lambda db: pushing.unsure(db, push.id, token, error))

    def _later(self, push: Any, error: str, *, token: str | None = None, after_us: int = 0) -> None:
        self._database.write(
            lambda db: pushing.later(
                db, push.id, error, self._now(), token=token, after_us=after_us
            )
        )

    # -- ids that were merged ----------------------------------------------------------------------

    def _follow(self, who: _Who, push: Any, gone: NotFound) -> None:
        """The channel has nobody under this id: somebody under another one, or nobody at all."""
        try:
            seen = self._successor(who, gone)
        except (Again, Never) as trouble:
            self._later(push, trouble.message, after_us=_pause_us(trouble))
            return
        now = self._now()
        if seen is None:
            error = f"{who.channel} no longer has this customer"

            def end(db: Transaction) -> None:
                lost = ContactSeen(id=who.external_id, deleted=True)
                contacts.see(db, who.installation_id, [lost], now)
                pushing.fail(db, push.id, error, now)

            self._database.write(end)
            log.warning("contact_push_failed", push=push.id, error=error)
            return

        def follow(db: Transaction) -> None:
            self._merge(db, who, seen)
            pushing.moved(db, push.id, seen.id, now)

        self._database.write(follow)

    def _successor(self, who: _Who, gone: NotFound) -> ContactSeen | None:
        """Whom a merged customer became: as the channel says, or as their conversation shows."""
        sender = self._reader.sender(who.channel)
        into = gone.details.get("moved_to") or self._whose_conversation(who)
        for _ in range(_FURTHEST):
            if into is None or into == who.external_id:
                return None
            try:
                return sender.contact(into, deadline=DEADLINE_S)
            except NotFound as further:
                into = further.details.get("moved_to")
        return None

    def _whose_conversation(self, who: _Who) -> str | None:
        """The only customer in what was this one's newest conversation.

        Up to API 2.15 Intercom does not say into whom a contact was merged; the conversation of a
        customer who is gone, with another one alone in it, does.
        """
        with self._database.read() as db:
            conversation = db.scalar(
                select(Conversation.external_id)
                .where(
                    Conversation.installation_id == who.installation_id,
                    Conversation.contact_id == who.contact_id,
                )
                .order_by(Conversation.created_at.desc(), Conversation.id.desc())
                .limit(1)
            )
            marks = db.scalar(
                select(ContactIdentity.marks).where(
                    ContactIdentity.installation_id == who.installation_id,
                    ContactIdentity.external_id == who.external_id,
                )
            )
        known = read_marks(marks).moved_to
        if known is not None or conversation is None:
            return known
        try:
            snapshot = self._reader.sender(who.channel).read(
                conversation, deadline=DEADLINE_S, background=True
            )
        except NotFound:
            return None
        return snapshot.contacts[0] if len(snapshot.contacts) == 1 else None

    def _merge(self, db: Transaction, who: _Who, into: ContactSeen) -> None:
        log.info("contact_merged", channel=who.channel, contact=who.contact_id)
        merged = replace(into, merged=(who.external_id,), absorbed=False)
        contacts.see(db, who.installation_id, [merged], self._now())

    def _look_for_merged(self, who: _Who) -> None:
        """Somebody was merged into this customer, and the channel did not say who.

        Whose conversations are this one's now is asked; those who are gone were merged.
        """
        now = self._now()
        try:
            merged = self._merged_into(who)
        except (Again, Never) as trouble:
            log.warning("merged_not_read", channel=who.channel, error=trouble.message)
            self._database.write(lambda db: _look(db, who, now, now + _LOOK_AGAIN_US))
            return

        def end(db: Transaction) -> None:
            if merged:
                seen = ContactSeen(id=who.external_id, merged=merged)
                contacts.see(db, who.installation_id, [seen], now)
            _look(db, who, now, None)

        self._database.write(end)

    def _merged_into(self, who: _Who) -> list[str]:
        sender = self._reader.sender(who.channel)
        theirs = sender.conversations_of(who.external_id, deadline=DEADLINE_S)
        with self._database.read() as db:
            others = _who_had(db, who, theirs)
        merged = []
        for other in others[:_MOST_MERGED]:
            try:
                sender.contact(other, deadline=DEADLINE_S)
            except NotFound as gone:
                if gone.details.get("moved_to", who.external_id) == who.external_id:
                    merged.append(other)
        return merged

    # -- what they share ---------------------------------------------------------------------------

    def _due(self, db: Transaction, until: int, limit: int) -> list[str]:
        held = select(Claim.key).where(Claim.kind == CLAIM, Claim.until > self._database.now(db))
        key = ContactPush.installation_id + "/" + ContactPush.external_id
        pushes = db.scalars(
            select(key)
            .where(
                ContactPush.state.in_(pushing.OPEN), ContactPush.due_at <= until,
                key.not_in(held), ~_waits(),
            )
            .order_by(ContactPush.due_at)
            .limit(limit)
        )  # fmt: skip
        found = list(dict.fromkeys(pushes))
        key = ContactIdentity.installation_id + "/" + ContactIdentity.external_id
        looks = db.scalars(
            select(key)
            .join(Installation, Installation.id == ContactIdentity.installation_id)
            .where(
                ContactIdentity.look_due <= until, key.not_in(held),
                Installation.channel.in_(sorted(self._parts.channels)),
            )
            .order_by(ContactIdentity.look_due)
            .limit(limit)
        )  # fmt: skip
        return list(dict.fromkeys([*found, *looks]))[:limit]

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())


def _waits() -> Any:
    """A push that is owed waits while another one to the same identity is on its way."""
    other = ContactPush.__table__.alias("other")
    return (ContactPush.state == "owed") & (
        select(other.c.id)
        .where(
            other.c.installation_id == ContactPush.installation_id,
            other.c.external_id == ContactPush.external_id,
            other.c.state.in_(pushing.BEGUN),
        )
        .exists()
    )


def _find(
    db: Transaction, installation_id: str, external_id: str
) -> tuple[_Who | None, int | None]:
    row = db.execute(
        select(ContactIdentity.contact_id, ContactIdentity.look_due, Installation.channel)
        .join(Installation, Installation.id == ContactIdentity.installation_id)
        .where(
            ContactIdentity.installation_id == installation_id,
            ContactIdentity.external_id == external_id,
        )
    ).one_or_none()
    if row is None:
        return None, None
    who = _Who(
        installation_id=installation_id, channel=row.channel, external_id=external_id,
        contact_id=row.contact_id,
    )  # fmt: skip
    return who, row.look_due


def _first(db: Transaction, installation_id: str, external_id: str, now: int) -> Any:
    """What is due of what is owed to an identity; what is on its way comes first."""
    return db.execute(
        select(ContactPush.id, ContactPush.state)
        .where(
            ContactPush.installation_id == installation_id,
            ContactPush.external_id == external_id,
            ContactPush.state.in_(pushing.OPEN), ContactPush.due_at <= now, ~_waits(),
        )
        .order_by(ContactPush.id)
        .limit(1)
    ).one_or_none()  # fmt: skip


def _who_had(db: Transaction, who: _Who, conversations: Sequence[str]) -> list[str]:
    """Other ids of the installation whose conversations these are in our record."""
    if not conversations:
        return []
    rows = db.execute(
        select(ContactIdentity.external_id, ContactIdentity.marks)
        .join(Conversation, Conversation.contact_id == ContactIdentity.contact_id)
        .where(
            ContactIdentity.installation_id == who.installation_id,
            Conversation.installation_id == who.installation_id,
            Conversation.external_id.in_(conversations),
            ContactIdentity.external_id != who.external_id,
            ContactIdentity.deleted.is_(False),
        )
        .distinct()
        .order_by(ContactIdentity.external_id)
    )
    return [row.external_id for row in rows if read_marks(row.marks).moved_to is None]


def _look(db: Transaction, who: _Who, now: int, due: int | None) -> None:
    """Set when the next look is due, unless another one was asked for meanwhile."""
    db.execute(
        update(ContactIdentity)
        .where(
            ContactIdentity.installation_id == who.installation_id,
            ContactIdentity.external_id == who.external_id,
            ContactIdentity.look_due <= now,
        )
        .values(look_due=due)
    )


def _pause_us(trouble: Again | Never) -> int:
    return int((getattr(trouble, "after_s", None) or 0) * 1e6)
