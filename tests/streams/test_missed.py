"""What those who come back have missed: read once for all, and never older than its redaction."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway import feed
from gateway.conversations import forgetting, thread
from gateway.events import Actor
from gateway.feed import Told
from gateway.store import Transaction
from gateway.store.models import Message
from gateway.streams.missed import Missed
from gateway.streams.stream import Wanted
from tests.api.house import House
from tests.services.statements import counted

ALL = Wanted()


@pytest.fixture
def house(migrated_url: str) -> Iterator[House]:
    """Once on SQLite, once on PostgreSQL."""
    house = House(migrated_url)
    yield house
    house.parts.database.dispose()


def told(house: House, after: int = 0) -> list[Told]:
    """The rows of the journal after a place."""
    return feed.read(house.database, after, 1_000)


def words(missed: Missed, after: int, until: int, wanted: Wanted = ALL) -> bytes:
    return b"".join(missed.frames(wanted, after, until))


def test_what_many_have_missed_is_read_once(house: House) -> None:
    missed = Missed(house.database, house.parts.wording)
    one, two = house.session("1001"), house.session("1002")
    rows = told(house)
    missed.begin_at(rows[-1].place)  # as after a restart: they come back from before it
    last = rows[-1].place
    with counted(house.database) as first:
        everything = words(missed, 0, last)
    assert everything.count(b"event: message.created") == 2
    assert first
    with counted(house.database) as later:
        assert words(missed, 0, last) == everything
        assert words(missed, rows[0].place, last) in everything
        mine = words(missed, 0, last, Wanted(session_id=one))
        assert mine.count(b"event: ") == 2
        assert two.encode() not in mine
        kinds = frozenset(("session.started",))
        assert words(missed, 0, last, Wanted(kinds=kinds)).count(b"event: ") == 2
        assert words(missed, last, last) == b""
    assert later == []


def test_an_event_takes_few_statements(house: House) -> None:
    """Whoever follows waits for them: lines and sessions, then all names and pictures at once."""
    missed = Missed(house.database, house.parts.wording)
    house.session("1001")
    missed.begin_at(feed.head(house.database).last)
    ann = Actor(kind="operator", id="700", name="Ann")
    house.happen("1001", house.assigned("1001", "operator", "700", by=ann))
    house.happen("1001", house.said("1001", "Hi", ann))
    created = [row for row in told(house) if row.kind == "message.created"][-1]
    with counted(house.database) as asked:
        (frame,) = missed.show([created])
    assert b'"text":"Hi"' in frame
    assert b'"name":"Teammate 700"' in frame
    assert len(asked) == 4


def test_what_passes_by_is_added_to_it(house: House) -> None:
    missed = Missed(house.database, house.parts.wording)
    house.session("1001")
    before = told(house)
    missed.begin_at(before[-1].place)
    house.session("1002")
    after = told(house, before[-1].place)
    missed.add(after)
    shown = b"".join(missed.show(after))
    with counted(house.database) as nothing:
        assert words(missed, before[-1].place, after[-1].place) == shown
    assert nothing == []
    whole = words(missed, 0, after[-1].place)
    assert whole.endswith(shown)
    assert whole.count(b"event: message.created") == 2


def test_what_is_added_again_is_told_once(house: House) -> None:
    """As after the record was away for a moment: the same rows are read once more."""
    missed = Missed(house.database, house.parts.wording)
    house.session("1001")
    rows = told(house)
    missed.begin_at(0)
    missed.add(rows[:1])
    missed.add(rows)
    last = rows[-1].place
    assert words(missed, 0, last).count(b"event: ") == len(rows)
    assert words(missed, 0, last, Wanted(session_id=rows[0].session_id)).count(b"event: ") == 2


def test_who_is_told_to_begin_anew_keeps_nobody_waiting(house: House) -> None:
    missed = Missed(house.database, house.parts.wording)
    house.session("1001")
    last = told(house)[-1].place
    missed.begin_at(last)
    slow = missed.frames(ALL, last + 1_000, last)
    assert b"event: reset" in next(slow)  # and takes its time
    assert words(missed, 0, last).count(b"event: ") == 2
    assert list(slow) == []


def test_redacted_words_are_not_shown_again(house: House) -> None:
    missed = Missed(house.database, house.parts.wording)
    house.session("1001", "My card is 4111.")
    rows = told(house)
    missed.begin_at(0)
    missed.add(rows)
    assert b"is 4111" in words(missed, 0, rows[-1].place)
    message = next(row.message_id for row in rows if row.message_id)
    redact(house, message)
    new = told(house, rows[-1].place)
    missed.add(new)
    again = words(missed, 0, new[-1].place)
    assert b"is 4111" not in again
    assert again.count(b"event: message.") == 2


def test_words_that_are_redacted_while_they_are_read_are_not_kept(house: House) -> None:
    house.session("1001", "My card is 4111.")
    rows = told(house)
    message = next(row.message_id for row in rows if row.message_id)
    still_there = True

    def meanwhile(*given: Any) -> str | None:
        nonlocal still_there
        if still_there:  # the words have been read
            still_there = False
            missed.add([rows[-1]._replace(place=rows[-1].place + 1, kind="message.updated",
                                          message_id=message)])  # fmt: skip
        return house.parts.wording.refusal(*given)

    missed = Missed(house.database, replace(house.parts.wording, refusal=meanwhile))
    missed.begin_at(0)
    missed.add(rows)
    assert b"is 4111" in words(missed, 0, rows[-1].place)
    assert not still_there
    redact(house, message)
    assert b"is 4111" not in words(missed, 0, rows[-1].place)


def test_whoever_was_erased_is_not_named_again(house: House) -> None:
    missed = Missed(house.database, house.parts.wording)
    house.session("1001")
    rows = told(house)
    missed.begin_at(0)
    missed.add(rows)
    words(missed, 0, rows[-1].place)
    gone = {"kind": "erased", "changed": []}
    missed.add([rows[-1]._replace(place=rows[-1].place + 1, kind="contact.updated",
                                  message_id=None, session_id=None, data=gone)])  # fmt: skip
    with counted(house.database) as asked:
        words(missed, 0, rows[-1].place)
    assert asked  # the record is what is told, as it is now


def test_words_are_kept_for_a_while_only(house: House) -> None:
    now = 0.0
    missed = Missed(house.database, house.parts.wording, timer=lambda: now)
    house.session("1001", "My card is 4111.")
    rows = told(house)
    missed.begin_at(0)
    missed.add(rows)
    assert b"is 4111" in words(missed, 0, rows[-1].place)
    redact(house, next(row.message_id for row in rows if row.message_id))
    now = 61.0
    assert b"is 4111" not in words(missed, 0, rows[-1].place)


def test_who_missed_very_much_reads_alone(house: House) -> None:
    missed = Missed(house.database, house.parts.wording, most_rows=3)
    for number in range(4):
        house.session(f"100{number}")
    rows = told(house)
    missed.begin_at(rows[-1].place)
    last = rows[-1].place
    assert words(missed, 0, last).count(b"event: ") == 8
    assert words(missed, rows[5].place, last).count(b"event: ") == 2  # these are not too many
    missed.begin_at(0)
    for row in rows:
        missed.add([row])
    assert words(missed, 0, last).count(b"event: ") == 8


def redact(house: House, message: str | None) -> None:
    """Take a message's words away, as a channel's report does."""

    def take_away(db: Transaction) -> None:
        row = db.session.get_one(Message, message)
        forgetting.redact(
            db, thread.lock_conversation(db, row.conversation_id), row.external_id, house.now
        )

    house.database.write(take_away)
