"""The workspace's books: the lock, the clock, ids, who exists, and what has to be notified."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from intercom_standin import people_shapes, shapes
from intercom_standin.records import (
    Admin,
    Author,
    Contact,
    Conversation,
    Json,
    Notification,
    Outcome,
    Part,
    Team,
)

Listener = Callable[[Sequence[Notification]], None]


class NotThere(Exception):
    """Something was named that this workspace does not have; `code` is Intercom's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotAllowed(Exception):
    """The operation makes no sense now; `code` is Intercom's error code."""

    def __init__(self, message: str, code: str = "parameter_invalid") -> None:
        super().__init__(message)
        self.code = code


class Taken(Exception):
    """Somebody else has what must be unique."""

    code = "conflict"


@dataclass(kw_only=True)
class Change:
    """What one operation touched and what it has to tell; closed when the lock is released."""

    conversation: Conversation | None = None
    contact: Contact | None = None
    part: Part | None = None
    notifications: list[Notification] = field(default_factory=list)
    _copied: Conversation | None = None
    _copied_contact: Contact | None = None

    def outcome(self) -> Outcome:
        """Return copies, so that a caller never reads what another thread is changing."""
        return Outcome(
            conversation=self._copied,
            contact=self._copied_contact,
            part=self.part,
            notifications=tuple(self.notifications),
        )

    def seal(self) -> None:
        """Copy what was touched while the lock is still held."""
        self._copied_contact = replace(self.contact) if self.contact else None
        self._copied = self.conversation.copy() if self.conversation else None


class Ledger:
    """State and its access rules; what happens in a workspace is added by subclasses."""

    def __init__(
        self,
        *,
        admins: Sequence[Admin],
        teams: Sequence[Team],
        app_id: str = "abc123std",
        version: str = "2.14",
        clock: Callable[[], float] = time.time,
        listener: Listener | None = None,
        name: str = "Acme (stand-in)",
        region: str = "US",
        ids_of: str | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.app_id = app_id
        self.name = name
        self.region = region
        self._ids_of = ids_of or app_id
        self.version = version
        self.clock = clock
        self.listener = listener
        self.admins = {admin.id: admin for admin in admins}
        self.teams = {team.id: team for team in teams}
        self.contacts: dict[str, Contact] = {}
        # Those of contacts that somebody has created in the workspace, with their types.
        self.contact_attributes: dict[str, type] = {"plan": str, "Order number": str, "orders": int}
        self.conversations: dict[str, Conversation] = {}
        self.deleted: list[tuple[str, int]] = []
        self.fin = Author(
            type="bot",
            id="1322705",
            name="Fin",
            # Observed: Fin and the operator write from this kind of address.
            email=f"operator+{app_id}@intercom.io",
        )
        # FACTS 1.5 [?]: undocumented whether clearing the assignee is notified; both are safe.
        self.notifies_unassigning = True
        # Observed in January 2026: contact.merged without the documented `merged_from`.
        self.tells_merged_from = False
        # FACTS 1.2 [?]: unknown whether private apps get a code on parts made through the API.
        self.app_package_code: str | None = None
        # FACTS 1.5: a reply in an unassigned conversation assigns its author; not known for API.
        self.api_reply_assigns = True
        # Vendor rule (OA PR #458): REST returns 0 for unassigned in every version. Settable to
        # None, because older captures have null and a reader must be safe with both.
        self.rest_unassigned: int | None = 0
        self.revision = 0
        self._next_conversation = 215_000_000_000_000
        self._next_part = 30_000_000_000
        self._next_contact = 0

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Change the workspace under its lock; the listener hears of it after the release."""
        change = Change()
        with self.lock:
            yield change
            change.seal()
            self.revision += 1
        if self.listener is not None and change.notifications:
            self.listener(tuple(change.notifications))

    def now(self) -> int:
        """Return the time in whole seconds, as on the wire."""
        return int(self.clock())

    def conversation(self, conversation_id: str | int) -> Conversation:
        """Return the live conversation. Raises NotThere."""
        found = self.conversations.get(str(conversation_id))
        if found is None:
            raise NotThere("not_found", "Resource Not Found")
        return found

    def snapshot(self, conversation_id: str | int) -> Conversation:
        """Return a copy of a conversation. Raises NotThere."""
        with self.lock:
            return self.conversation(conversation_id).copy()

    def contact(self, contact_id: str) -> Contact:
        """Return the live contact. Raises NotThere (also for a merged or deleted one)."""
        found = self.contacts.get(contact_id)
        if found is None or found.deleted or found.merged_into is not None:
            raise NotThere("not_found", "User Not Found")
        return found

    def admin(self, admin_id: str | int) -> Admin:
        """Return an admin. Raises NotThere; vendor rule: a team's id is no admin."""
        found = self.admins.get(int(admin_id)) if str(admin_id).isdigit() else None
        if found is None:
            raise NotThere("admin_not_found", "Admin not found")
        return found

    def team(self, team_id: str | int) -> Team:
        """Return a team. Raises NotThere."""
        found = self.teams.get(int(team_id)) if str(team_id).isdigit() else None
        if found is None:
            raise NotThere("team_not_found", "Team not found")
        return found

    @property
    def bot_seat(self) -> Admin:
        """The teammate's seat that the AI works from."""
        return next(admin for admin in self.admins.values() if admin.is_bot_seat)

    @property
    def teammates(self) -> list[Admin]:
        """The people, without the bot's seat."""
        return [admin for admin in self.admins.values() if not admin.is_bot_seat]

    def author(self, who: str | int | Admin) -> Author:
        """Return the author for an admin, an admin's id or "fin". Raises NotThere."""
        if who == "fin":
            return self.fin
        admin = who if isinstance(who, Admin) else self.admin(who)
        return Author(type="admin", id=str(admin.id), name=admin.name, email=admin.email)

    def new_conversation_id(self) -> str:
        """Return the next id; vendor rule: unique only inside this workspace."""
        self._next_conversation += 7
        return str(self._next_conversation)

    def new_part_id(self) -> str:
        """Return the next id; they only grow."""
        self._next_part += 3
        return str(self._next_part)

    def new_contact_id(self) -> str:
        """Return the next id, 24 hexadecimal digits."""
        self._next_contact += 1
        seed = f"{self._ids_of}:{self._next_contact}"
        return hashlib.sha256(seed.encode()).hexdigest()[:24]

    def tell(
        self,
        change: Change,
        topic: str,
        item: Json,
        *,
        conversation: Conversation | None = None,
        part: Part | None = None,
    ) -> None:
        """Owe one notification."""
        change.notifications.append(
            Notification(
                id=f"notif_{uuid.uuid4()}",
                topic=topic,
                created_at=self.now(),
                item=item,
                conversation_id=conversation.id if conversation else None,
                part_id=part.id if part else None,
                holding_before=conversation.holding_before if conversation else None,
            )
        )

    def tell_conversation(
        self, change: Change, topics: Sequence[str], conversation: Conversation, *parts: Part
    ) -> None:
        """Owe the same parts under each topic; every topic gets its own notif_ id (observed)."""
        for topic in topics:
            item = shapes.webhook_conversation(conversation, list(parts), version=self.version)
            self.tell(
                change,
                topic,
                item,
                conversation=conversation,
                part=parts[0] if len(parts) == 1 else None,
            )

    def tell_contact(self, change: Change, topic: str, contact: Contact) -> None:
        """Owe a notification about a contact."""
        self.tell(change, topic, people_shapes.webhook_contact(contact, app_id=self.app_id))
