"""All that is known of a person is given out, and erased; nothing of it is left anywhere."""

import json
from typing import Any

from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.privacy.tables import IMPERSONAL, PERSONAL
from gateway.store.models import (
    AuditEntry,
    Base,
    ChatSession,
    Message,
    Rating,
)
from tests.privacy.world import MARKS, PICTURE, World, spelled


def left(told: str | bytes) -> list[str]:
    """Which marks of Carol's a text holds, by whichever of their letters."""
    found = []
    for what, mark in MARKS.items():
        for one in spelled(mark) | {word for word in mark.split() if word.endswith("mark")}:
            if (one in told) if isinstance(told, str) else (one.encode() in told):
                found.append(what)
                break
    return found


def lived(it: World) -> str:
    it.in_intercom()
    it.on_the_page()
    it.unreadable()
    it.settle()
    for _ in range(3):
        work: Any = it.bench.works["events"]
        for key in work.due(50):
            work.do(key)
    return it.edited()


def test_every_table_is_named() -> None:
    """A new table: say in gateway/privacy/tables.py what of a person is in it, and erase it."""
    named = {model.__tablename__ for model in PERSONAL}
    assert named.isdisjoint(IMPERSONAL)
    assert named | set(IMPERSONAL) == set(Base.metadata.tables)


def test_export_and_erase_are_complete(it: World) -> None:
    with capture_logs() as logs:
        contact = lived(it)
        before = it.everything()
        assert left("\n".join(before.values())) == list(MARKS), "a mark was never left"
        archive = it.export(contact)
        names = archive.namelist()
        told = "\n".join(archive.read(name).decode("utf-8", "replace") for name in names)
        assert left(told) == list(MARKS)
        assert [name for name in names if archive.read(name) == PICTURE] != []
        assert all("/" not in name.partition("/")[2] and ".." not in name for name in names)
        erased = it.erase(contact, key="erased-once").json()
        it.settle()
    assert erased["message"] == "Customer erased"
    for table, kept in it.everything().items():
        assert left(kept) == [], f"{table} still holds something of her"
        assert it.contact_there not in kept, f"{table} still holds her id in Intercom"
    assert left(it.in_valkey()) == []
    for path, content in it.on_disk().items():
        assert left(content) == [], f"{path} still holds something of her"
        assert b"obsidianmark" not in content, path
    assert left(json.dumps(logs, default=repr)) == []


def test_what_stays_is_that_it_was(lite: World) -> None:
    it = lite
    contact = lived(it)
    with it.parts.database.read() as db:
        counted = db.execute(
            select(ChatSession.id, ChatSession.message_count, ChatSession.opened_at)
        ).all()
    asked = it.ok("GET", f"/contacts/{contact}/erasure", it.admin).json()
    assert asked["id"] is None
    assert {(one["kind"], one["id"]) for one in asked["kept_elsewhere"]} == {
        ("contact", it.contact_there), ("conversation", it.conversation),
    }  # fmt: skip
    it.erase(contact)
    told = it.ok("GET", f"/contacts/{contact}/erasure", it.admin).json()
    assert told["ended_at"] is not None
    assert told["by"] == "Sam Supervisor"
    assert told["counts"]["sessions"] == 2
    assert told["counts"]["messages"] > 5
    assert told["counts"]["files"] == 1
    assert [one["id"] for one in told["kept_elsewhere"]] == [it.conversation]
    with it.parts.database.read() as db:
        rows = db.execute(
            select(ChatSession.id, ChatSession.message_count, ChatSession.opened_at)
        ).all()
        assert rows == counted
        assert set(db.scalars(select(ChatSession.status))) == {"finished"}
        assert db.scalars(select(Rating.score)).all() == [2]
        names = set(db.scalars(select(Message.author_name)))
        assert "Ann Operator" in names or "Aoife Byrne" in names
        entry = db.execute(
            select(AuditEntry.actor_name, AuditEntry.object_id).where(
                AuditEntry.action == "erase_contact", AuditEntry.outcome == "done"
            )
        ).one()
        assert tuple(entry) == ("Sam Supervisor", contact)
    page = it.ok("GET", f"/contacts/{contact}", it.admin).json()
    assert (page["level"], page["name"], page["identities"]) == ("anonymous", None, [])
