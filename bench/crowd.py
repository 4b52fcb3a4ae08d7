"""A record as it is after years: sessions, contacts and messages by the hundred thousand.

Copied into PostgreSQL directly, since applying a million facts would take hours. Words are made up
and as frequent as in a language (the n-th one as often as 1/n); every session names an order of its
own, which is what people search for.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from gateway.store import Database

LONG = 5_000
"""Messages of the one session that is much longer than the others."""

LONG_SESSION = "ses_" + "0" * 25 + "z"
SUPPORT, CHANNELS = "support", ("acme-intercom", "acme-web")
_VOCABULARY, _TEXTS = 20_000, 100_000
_US = 1_000_000
_AGE_US = 3 * 365 * 86_400 * _US
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
_ACTIVE = 2_000
"""So many of the newest sessions are still going on."""

_COLUMNS = {
    "installations": "id, channel, slot, external_id, created_at",
    "contacts": "id, name, email, verified, external_id_verified, level, created_at, updated_at",
    "conversations": "id, installation_id, channel, external_id, contact_id, contact_at, thread,"
    " read_attempts, truth_at, created_at",
    "chat_sessions": "id, conversation_id, channel, agent, opened_by, opened_at, opened_number,"
    " opened_step, status, mode, epoch, responsible_kind, responsible_id, widened, finished_at,"
    " last_message_at, message_count, parameters, results",
    "messages": "id, conversation_id, session_id, external_id, kind, author_kind, author_id,"
    " author_name, text, html, attachments, state, at, number, step, redacted, created_at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What was made. `words`: the most frequent first; `operators` hold sessions."""

    words: Sequence[str]
    operators: Sequence[str]
    sessions: int
    messages: int


def fill(database: Database, *, sessions: int, messages: int, operators: Sequence[str]) -> Crowd:
    """Make so many sessions, and messages in all; the operators hold some of the sessions."""
    chance = random.Random(6)
    words = _words(chance)
    crowd = Crowd(words=words, operators=operators, sessions=sessions, messages=messages)
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        _copy(connection, "installations", _installations())
        _copy(connection, "contacts", _contacts(sessions // 2, chance))
        _copy(connection, "conversations", _conversations(sessions))
        _copy(connection, "chat_sessions", _sessions(crowd, chance))
        _copy(connection, "messages", _messages(crowd, chance))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    return crowd


def order_of(session: int) -> str:
    """The order that the n-th session is about: no other one names it."""
    return f"A{session * 7919 % 10_000_019:07d}"


def _copy(connection: psycopg.Connection, table: str, rows: Iterator[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _words(chance: random.Random) -> list[str]:
    made = ("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in itertools.count())
    return list(itertools.islice(dict.fromkeys(itertools.islice(made, 60_000)), _VOCABULARY))


def _texts(words: Sequence[str], chance: random.Random) -> list[str]:
    """So many texts of 4 to 30 words that their repetition does not show."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    return [
        " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(4, 30)))
        for _ in range(_TEXTS)
    ]


def _id(prefix: str, number: int) -> str:
    return f"{prefix}_{number:026d}"


def _opened_at(session: int, sessions: int) -> int:
    return 1_700_000_000 * _US + session * (_AGE_US // sessions)


def _installations() -> Iterator[tuple[object, ...]]:
    for number, channel in enumerate(CHANNELS):
        yield _id("ins", number), channel, "", f"app{number}", 0


def _contacts(contacts: int, chance: random.Random) -> Iterator[tuple[object, ...]]:
    for number in range(contacts):
        name = " ".join("".join(chance.choices(_SYLLABLES, k=3)).capitalize() for _ in "ab")
        email = f"{name.replace(' ', '.').lower()}{number}@example.com"
        yield _id("con", number), name, email, False, False, "claimed", 0, 0


def _conversations(sessions: int) -> Iterator[tuple[object, ...]]:
    for number in range(sessions):
        contact = _id("con", number // 2) if number % 10 and number // 2 < sessions // 2 else None
        where = number % 2
        yield (
            _id("cnv", number), _id("ins", where), CHANNELS[where], f"x{number}", contact, 0, "{}",
            0, 0, 0,
        )  # fmt: skip


def _sessions(crowd: Crowd, chance: random.Random) -> Iterator[tuple[object, ...]]:
    for number in range(crowd.sessions):
        id = LONG_SESSION if number == crowd.sessions - 1 else _id("ses", number)
        opened = _opened_at(number, crowd.sessions)
        active = number >= crowd.sessions - _ACTIVE
        held = chance.random() < 0.3
        who = chance.choice(crowd.operators) if held else None
        count = LONG if id == LONG_SESSION else crowd.messages // crowd.sessions
        yield (
            id, _id("cnv", number), CHANNELS[number % 2], SUPPORT, f"m{number}", opened, 0, 0,
            "active" if active else "finished", "human" if held else "ai", 0,
            "operator" if held else "ai", who, False, None if active else opened + 3600 * _US,
            opened + 1800 * _US, count, "{}", "{}",
        )  # fmt: skip


def _messages(crowd: Crowd, chance: random.Random) -> Iterator[tuple[object, ...]]:
    texts = _texts(crowd.words, chance)
    numbers = itertools.count()
    for session in range(crowd.sessions):
        long = session == crowd.sessions - 1
        id = LONG_SESSION if long else _id("ses", session)
        opened = _opened_at(session, crowd.sessions)
        for line in range(LONG if long else crowd.messages // crowd.sessions):
            number = next(numbers)
            text = texts[int(chance.random() * len(texts))]
            if line == 0:
                text = f"{order_of(session)} {text}"
            customer = line % 2 == 0
            at = opened + line * 60 * _US
            yield (
                _id("msg", number), _id("cnv", session), id, f"e{number}", "message",
                "customer" if customer else "ai", "c1" if customer else None, None,
                text, f"<p>{text}</p>", "[]", "received" if customer else "sent", at, line, 0,
                False, at,
            )  # fmt: skip
