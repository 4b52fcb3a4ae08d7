"""Sync: ids of customers that their channel merged into others: found, and followed."""

from __future__ import annotations

from dataclasses import replace

import structlog

from gateway import contacts
from gateway.clock import to_micros
from gateway.errors import Again, Never, NotFound
from gateway.events import ContactSeen
from gateway.store import Transaction
from gateway.sync import identities
from gateway.sync.identities import Who
from gateway.sync.reading import Reader
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

DEADLINE_S = 10.0
_AGAIN_US = 60_000_000
_MOST = 20
_FURTHEST = 5
"""So many ids in a row are followed that were each merged into the next one."""


class Merged:
    """Finds out who became whom."""

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._clock = parts.clock
        self._database = parts.database
        self._reader = reader

    def successor(self, who: Who, gone: NotFound) -> ContactSeen | None:
        """Whom a customer became of whom the channel has no more; None: they are just gone.

        Raises Again and Never.
        """
        sender = self._reader.sender(who.channel)
        into = gone.details.get("moved_to") or who.moved_to or self._by_conversation(who)
        for _ in range(_FURTHEST):
            if into is None or into == who.external_id:
                return None
            try:
                return sender.contact(into, deadline=DEADLINE_S)
            except NotFound as further:
                into = further.details.get("moved_to")
        return None

    def record(self, db: Transaction, who: Who, into: ContactSeen) -> None:
        """Both ids mean one customer from now on, unless a person says that they are two."""
        log.info("contact_merged", channel=who.channel, contact=who.contact_id)
        merged = replace(into, merged=(who.external_id,), absorbed=False)
        contacts.see(db, who.installation_id, [merged], self._now())

    def look(self, who: Who) -> None:
        """Somebody was merged into this customer, and the channel did not say who.

        Whose conversations are this one's now is asked; those who are gone were merged.
        """
        now = self._now()
        try:
            found = self._merged_into(who)
        except (Again, Never) as trouble:
            log.warning("merged_not_read", channel=who.channel, error=trouble.message)
            self._database.write(lambda db: identities.looked(db, who, now, now + _AGAIN_US))
            return

        def end(db: Transaction) -> None:
            if found:
                seen = ContactSeen(id=who.external_id, merged=found)
                contacts.see(db, who.installation_id, [seen], now)
            identities.looked(db, who, now, None)

        self._database.write(end)

    def _by_conversation(self, who: Who) -> str | None:
        """The only customer in what was this one's newest conversation.

        Up to API 2.15 Intercom does not say into whom a contact was merged; the conversation of a
        customer who is gone, with another one alone in it, does.
        """
        with self._database.read() as db:
            conversation = identities.newest_conversation(db, who)
        if conversation is None:
            return None
        sender = self._reader.sender(who.channel)
        try:
            snapshot = sender.read(conversation, deadline=DEADLINE_S, background=True)
        except NotFound:
            return None
        return snapshot.contacts[0] if len(snapshot.contacts) == 1 else None

    def _merged_into(self, who: Who) -> list[str]:
        sender = self._reader.sender(who.channel)
        theirs = sender.conversations_of(who.external_id, deadline=DEADLINE_S)
        with self._database.read() as db:
            others = identities.who_had(db, who, theirs)
        merged = []
        for other in others[:_MOST]:
            try:
                sender.contact(other, deadline=DEADLINE_S)
            except NotFound as gone:
                if gone.details.get("moved_to", who.external_id) == who.external_id:
                    merged.append(other)
        return merged

    def _now(self) -> int:
        return to_micros(self._clock.now())
