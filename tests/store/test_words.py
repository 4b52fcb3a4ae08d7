"""Searching for words: the same answer from PostgreSQL, by its index, as from our own function."""

from __future__ import annotations

import importlib

import pytest
from sqlalchemy import select, text

from gateway.store import Database, Transaction, words
from gateway.store.models import Contact, Message
from gateway.store.words import SAYS, SEARCHED, row_says, says, words_of

TEXTS = {
    "plain": "Where is my order?",
    "signs": "mail carol@example.com, see https://shop.example/refund?id=-1042 (parcel.jpg)",
    "quoted": "it's \"fine\" \\ 100%_sure ':*' & | ! <->",
    "umlaut": "ÜBERWEISUNG über Straße",
    "spanish": "¿Dónde está mi pedido?",
    "japanese": "返品したい。注文番号は５",
    "arabic": "أين طلبي؟",
    "long": "x" * 1500 + " " + "early " * 100,
    "late": "word " * (SEARCHED // 5) + "toolate",
    "empty": "",
}
ASKED = [
    "order", "ORD", "rder", "where order", "order nothing", "w", "carol", "example com", "refund",
    "1042", "parcel jpg", "carol@example.com", "it's fine", "100%", "':*'", "überw", "ÜBER",
    "straße", "STRASSE", "dónde", "Dónde ESTÁ", "返品", "注文", "طلبي", "early", "toolate",
    "xxxx", "i", "s", "word w",
]  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_one_language_for_both(
    asked: str, postgres_with_texts: Database, sqlite_with_texts: Database
) -> None:
    wanted = words_of(asked)
    by_hand = {name for name, said in TEXTS.items() if says(said, " ".join(wanted))}
    assert _found(postgres_with_texts, wanted) == by_hand
    assert _found(sqlite_with_texts, wanted) == by_hand


def test_what_is_found() -> None:
    found = {
        asked: [name for name, said in TEXTS.items() if says(said, " ".join(words_of(asked)))]
        for asked in ("ord", "rder", "w", "EXAMPLE carol", "1042", "überw", "返品", "toolate")
    }
    assert found == {
        "ord": ["plain"], "rder": [], "w": [], "EXAMPLE carol": ["signs"], "1042": ["signs"],
        "überw": ["umlaut"], "返品": ["japanese"], "toolate": [],
    }  # fmt: skip


def test_signs_alone_are_no_words() -> None:
    assert words_of("?! %_ ':*' \\") == ()
    assert words_of("a " * 40) == ("a",)
    assert len(words_of(" ".join(map(str, range(40))))) == 16


@pytest.mark.parametrize("table", SAYS)
def test_postgresql_finds_them_by_its_index(table: str, postgres_with_texts: Database) -> None:
    model = Message if table == "messages" else Contact
    query = select(model.id).where(row_says("postgresql", table, ("order",)))
    database = postgres_with_texts
    with Transaction(database.engine) as db:
        db.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = query.compile(database.engine, compile_kwargs={"literal_binds": True})
        plan = db.connection().exec_driver_sql(f"EXPLAIN {compiled}").scalars().all()
    assert any(f"ix_{table}_words" in line for line in plan), plan


def test_the_migration_parts_words_as_we_do() -> None:
    """It has a copy, as migrations do: what it made stays as it is, whatever we do later."""
    made = importlib.import_module("gateway.store.migrations.versions.0019_searching")
    assert made.__dict__["_SIGNS"] == words.__dict__["_SIGNS"]
    assert made.__dict__["_SAYS"] == SAYS
    assert f", {SEARCHED})" in made.__dict__["_COLUMN"]


@pytest.fixture(scope="module")
def postgres_with_texts(postgres_server, _migrated_postgres):  # type: ignore[no-untyped-def]
    """The texts in a table of messages, with its index and without the rest of the record."""
    name = postgres_server.create_database(template=_migrated_postgres)
    yield from _with_texts(Database(postgres_server.url(name)))
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def sqlite_with_texts(tmp_path_factory):  # type: ignore[no-untyped-def]
    """The same on SQLite."""
    from gateway.store import migrate

    url = f"sqlite:///{tmp_path_factory.mktemp('words') / 'gateway.db'}"
    migrate(url)
    yield from _with_texts(Database(url))


def _with_texts(database: Database):  # type: ignore[no-untyped-def]
    def fill(db):  # type: ignore[no-untyped-def]
        named = {"id": "ins", "channel": "c", "slot": "", "external_id": "e", "created_at": 0}
        db.execute(
            text(
                "INSERT INTO installations (id, channel, slot, external_id, created_at)"
                " VALUES (:id, :channel, :slot, :external_id, :created_at)"
            ),
            named,
        )
        db.execute(
            text(
                "INSERT INTO conversations (id, installation_id, channel, external_id, contact_at,"
                " thread, read_attempts, created_at) VALUES ('cnv', 'ins', 'c', 'e', 0, '{}', 0, 0)"
            )
        )
        for name, said in TEXTS.items():
            db.add(
                Message(
                    id=name, conversation_id="cnv", kind="message", author_kind="customer",
                    text=said, state="received", at=0, number=0, step=0, created_at=0,
                )
            )  # fmt: skip
        db.flush()

    database.write(fill)
    yield database
    database.dispose()


def _found(database: Database, wanted: tuple[str, ...]) -> set[str]:
    kind = "sqlite" if database.is_sqlite else "postgresql"
    with database.read() as db:
        return set(db.scalars(select(Message.id).where(row_says(kind, "messages", wanted))))
