"""One conversation under its lock: found or opened, read, and written back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Row, String, bindparam, select, update

from gateway.errors import NotFound
from gateway.handover import Thread
from gateway.logs import origin
from gateway.store import Transaction, new_id
from gateway.store.models import ChatSession, Conversation
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

_decoder = msgspec.json.Decoder(Thread)

_CONVERSATIONS, _SESSIONS = table_of(Conversation), table_of(ChatSession)
_COLUMNS = (
    _CONVERSATIONS.c.id,
    _CONVERSATIONS.c.installation_id,
    _CONVERSATIONS.c.channel,
    _CONVERSATIONS.c.external_id,
    _CONVERSATIONS.c.contact_id,
    _CONVERSATIONS.c.thread,
    _CONVERSATIONS.c.held_since,
    _CONVERSATIONS.c.contact_at,
    _CONVERSATIONS.c.forgotten_at,
    _CONVERSATIONS.c.redacted_at,
    _CONVERSATIONS.c.read_due,
)
_BY_EXTERNAL_ID = Prepared(
    lambda sql: sql.locked(
        select(*_COLUMNS).where(
            _CONVERSATIONS.c.installation_id == bindparam("installation"),
            _CONVERSATIONS.c.external_id == bindparam("external"),
        )
    )
)
_BY_ID = Prepared(
    lambda sql: sql.locked(select(*_COLUMNS).where(_CONVERSATIONS.c.id == bindparam("key")))
)
_OPEN = Prepared(
    lambda sql: sql.insert(_CONVERSATIONS).on_conflict_do_nothing().returning(_CONVERSATIONS.c.id)
)
_KNOWN_UP_TO = Prepared(
    lambda sql: (
        update(_CONVERSATIONS)
        .where(_CONVERSATIONS.c.id == bindparam("key"))
        .values(
            truth_at=sql.greatest(_CONVERSATIONS.c.truth_at, bindparam("truth", type_=BigInteger))
        )
    )
)
_WRITE = Prepared(lambda _: update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == bindparam("key")))


@dataclass(slots=True, kw_only=True)
class Held:
    """A conversation whose row this transaction has locked, and its state before the change.

    `origin`: what the change follows from; on what it leaves owed (`logs.origin`).
    """

    id: str
    installation_id: str
    channel: str
    external_id: str
    contact_id: str | None
    thread: Thread
    held_since: int | None
    contact_at: int
    forgotten_at: int | None = None
    redacted_at: int | None = None
    read_due: int | None = None
    origin: str | None = field(default_factory=origin)


class Named(NamedTuple):
    """A conversation as its channel names it."""

    installation_id: str
    external_id: str
    channel: str


def look_up(db: Transaction, names: Collection[Named]) -> Callable[[], dict[Named, Held]]:
    """Lock those of the conversations that are known, and ask for them.

    In one order everywhere, so that two transactions with several of them never wait in a circle.
    """
    asked = sorted(names)
    keys = [{"installation": one.installation_id, "external": one.external_id} for one in asked]
    found = _BY_EXTERNAL_ID.ask(db, keys)
    return lambda: {
        name: _held(row) for name, rows in zip(asked, found(), strict=True) for row in rows
    }


def open_conversations(
    db: Transaction, names: Collection[Named], now: int, held: dict[Named, Held] | None = None
) -> dict[Named, Held]:
    """Lock the conversations that channels name so, making each on its first mention.

    `held` are those that have been looked up.
    """
    held = look_up(db, names)() if held is None else held
    missing = [name for name in sorted(names) if name not in held]
    if missing:
        rows = [_opened(name, now) for name in missing]
        for name, row, mine in zip(missing, rows, _OPEN.each(db, rows), strict=True):
            if mine:
                held[name] = _new(row["id"], name)
        # Another transaction made it a moment ago: it was waited for, and is there now.
        held |= look_up(db, [name for name in missing if name not in held])()
    return held


def open_conversation(db: Transaction, name: Named, now: int) -> Held:
    """Lock one conversation, making it on its first mention."""
    return open_conversations(db, [name], now)[name]


def lock_conversation(db: Transaction, conversation_id: str) -> Held:
    """Lock a conversation by our own id; raise NotFound."""
    return ask_conversation(db, conversation_id)()


def ask_conversation(db: Transaction, conversation_id: str) -> Callable[[], Held]:
    """The same, but return how to get it: for what goes `in_one_trip` with others."""
    found = _BY_ID.ask_all(db, [{"key": conversation_id}])
    return lambda: _held(_only(found(), "there is no such conversation"))


class SessionLock:
    """Locks a session's conversation, then the session, in one trip.

    `session` is the session's id, as SQL has it; a session stays in its conversation.
    """

    def __init__(self, session: ColumnElement[str]) -> None:
        of_session = select(_SESSIONS.c.conversation_id).where(_SESSIONS.c.id == session)
        conversation = of_session.scalar_subquery()
        self._conversation = Prepared(
            lambda sql: sql.locked(select(*_COLUMNS).where(_CONVERSATIONS.c.id == conversation))
        )
        self._session = Prepared(
            lambda sql: sql.locked(select(_SESSIONS).where(_SESSIONS.c.id == session))
        )

    def ask(self, db: Transaction, names: Mapping[str, str]) -> Callable[[], tuple[Held, Any]]:
        """Lock both, and return how to get them, which raises NotFound."""
        with db.in_one_trip():
            conversation = self._conversation.ask_all(db, [names])
            session = self._session.ask_all(db, [names])

        def locked() -> tuple[Held, Any]:
            row = _only(session(), "there is no such session")
            return _held(_only(conversation(), "there is no such session")), row

        return locked


_BY_SESSION = SessionLock(bindparam("session", type_=String))


def lock_session(db: Transaction, session_id: str) -> tuple[Held, Any]:
    """Lock a session's conversation, then the session; raise NotFound."""
    return _BY_SESSION.ask(db, {"session": session_id})()


def _only(rows: Sequence[Any], missing: str) -> Any:
    if not rows:
        raise NotFound(missing)
    return rows[0]


def write_thread(
    db: Transaction, held: Held, thread: Thread, *, whose: tuple[str, int] | None
) -> None:
    """Write the fold's state back, and whose conversation it is (contact, as of when) if told."""
    state = {"key": held.id, "thread": msgspec.json.encode(thread).decode()}
    if whose is not None and whose[1] >= held.contact_at:
        held.contact_id, held.contact_at = whose
        _WRITE.later(db, {**state, "contact_id": whose[0], "contact_at": whose[1]})
    else:
        _WRITE.later(db, state)
    held.thread = thread


def read_by(db: Transaction, held: Held, at: int) -> None:
    """Let the conversation be read from its channel at `at`, if no earlier read is due."""
    db.execute(
        update(Conversation)
        .where(Conversation.id == held.id, Conversation.read_due.is_(None))
        .values(read_due=at)
    )


def end_hold(db: Transaction, held: Held, truth_at: int) -> None:
    """The conversation has been read up to `truth_at`: the AI may speak again, no read is due."""
    ended = {
        "key": held.id, "held_since": None, "read_due": None, "read_attempts": 0,
        "truth_at": truth_at,
    }  # fmt: skip
    _WRITE.later(db, ended)
    held.held_since = held.read_due = None


def forget_before(db: Transaction, held: Held, at: int) -> None:
    """From now on keep no words from before `at` (the channel's time, µs), however late."""
    if at > (held.forgotten_at or 0):
        _WRITE.later(db, {"key": held.id, "forgotten_at": at})
        held.forgotten_at = at


def words_were_taken_back(db: Transaction, held: Held, now: int) -> None:
    """Let the bodies of what was delivered of this conversation be cleaned of them."""
    _WRITE.later(db, {"key": held.id, "redacted_at": now, "clean_due": now})
    held.redacted_at = now


def is_known_up_to(db: Transaction, held: Held, truth_at: int) -> None:
    """The conversation's past is known up to `truth_at`; a hold or a read that is due stays."""
    _KNOWN_UP_TO.later(db, {"key": held.id, "truth": truth_at})


def _opened(name: Named, now: int) -> dict[str, Any]:
    return {
        "id": new_id("cnv"),
        "installation_id": name.installation_id,
        "channel": name.channel,
        "external_id": name.external_id,
        "contact_id": None,
        "thread": "{}",
        "contact_at": 0,
        "read_attempts": 0,
        "truth_at": 0,
        "created_at": now,
    }


def _new(conversation_id: str, name: Named) -> Held:
    return Held(
        id=conversation_id,
        installation_id=name.installation_id,
        channel=name.channel,
        external_id=name.external_id,
        contact_id=None,
        thread=Thread(),
        held_since=None,
        contact_at=0,
    )


def _held(row: Row[*tuple[Any, ...]]) -> Held:
    return Held(
        id=row[0],
        installation_id=row[1],
        channel=row[2],
        external_id=row[3],
        contact_id=row[4],
        thread=_decoder.decode(row[5]),
        held_since=row[6],
        contact_at=row[7],
        forgotten_at=row[8],
        redacted_at=row[9],
        read_due=row[10],
    )
