"""Migrations only expand: processes of the version before go on beside them, and are not held up.

What PostgreSQL is told is read, statement by statement. A migration takes nothing away, renames
and narrows nothing, makes no rule for rows that older processes still write, rewrites no table, and
builds indexes of tables that are in use without locking them. What cannot be done so takes two
releases: one that stops using a thing, and a later one that takes it away.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event

from gateway.store import migrate

# Nothing ran on the tables of these: they came before the first release.
BEFORE_THE_FIRST_RELEASE = 20
# A later migration that has to do what is forbidden says here why that is no harm.
_NOBODY_IS_IN_IT = "of a column that has just come: no row is in it, and one scan finds that out"
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("0023", "ix_contact_identities_look_due"): _NOBODY_IS_IN_IT,
    ("0026", "ix_conversations_clean_due"): _NOBODY_IS_IN_IT,
    # Large tables; but it came before the first release, so nobody has them yet.
    ("0026", "ix_inbox_conversation"): "nobody's is large before the first release",
    ("0026", "ix_chat_sessions_remembered"): "nobody's is large before the first release",
}

FORBIDDEN = {
    r"\bDROP (TABLE|COLUMN|INDEX|CONSTRAINT)\b": "takes something away",
    r"\bRENAME\b": "renames something",
    r"\bALTER (COLUMN )?\w+ (TYPE|SET DATA TYPE)\b": "changes a type, which rewrites the table",
    r"\bSET NOT NULL\b": "forbids what older processes may write",
    r"\b(TRUNCATE|CLUSTER|VACUUM FULL|LOCK TABLE)\b": "locks a table",
}


def of_each_revision(statements: list[str]) -> dict[str, list[str]]:
    """Statements by the migration that they are of."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for statement in statements:
        done = re.search(r"alembic_version.*'(\w+)'", statement)
        if re.match(r"(INSERT INTO|UPDATE) alembic_version", statement) and done:
            revision = re.findall(r"'(\w+)'", statement)[0]
            found[revision], current = current, []
        else:
            current.append(statement)
    return found


def harm(statements: list[str]) -> list[str]:
    """What a migration does that it must not."""
    made = {
        name.strip('"')
        for one in statements
        for name in re.findall(r'CREATE TABLE (?:IF NOT EXISTS )?("?\w+"?)', one)
    }
    found = []
    for one in statements:
        flat = " ".join(one.split())
        table = re.match(r'ALTER TABLE (?:ONLY )?"?(\w+)"?', flat)
        if table and table[1] in made:
            continue
        for pattern, what in FORBIDDEN.items():
            if re.search(pattern, flat, re.IGNORECASE):
                found.append(f"{what}: {flat}")
        adds_rule = re.search(r"\bADD (CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY)\b", flat)
        if table and adds_rule and "NOT VALID" not in flat:
            found.append(f"makes a rule for rows that are there: {flat}")
        if table and re.search(r"\bADD (COLUMN )?", flat):
            if "NOT NULL" in flat and "DEFAULT" not in flat:
                found.append(f"a column that older processes leave empty: {flat}")
            if re.search(r"\bDEFAULT (\w+\(|CURRENT)", flat):
                found.append(f"a default that is computed rewrites the table: {flat}")
            if not adds_rule and _binds_others(flat):
                found.append(f"a rule that older processes do not know: {flat}")
        index = re.match(r'CREATE (UNIQUE )?INDEX (CONCURRENTLY )?\S+ ON "?(\w+)"?', flat)
        if index and index[3] not in made:
            if not index[2]:
                found.append(f"locks {index[3]} while it builds an index: {flat}")
            if index[1]:
                found.append(f"a rule that older processes do not know: {flat}")
        written = re.match(r'(UPDATE|DELETE FROM) "?(\w+)"?', flat)
        if written and written[2] not in made:
            found.append(f"locks rows of {written[2]} until it is over: {flat}")
    return found


def _binds_others(added: str) -> bool:
    """Whether an added column's rule may forbid a row that says nothing of the column."""
    column = re.findall(r'ADD (?:COLUMN )?"?(\w+)"?', added)[0]
    check = re.search(r"\bCHECK \((.*)\)$", added)
    if check is None:
        return bool(re.search(r"\b(UNIQUE|CHECK)\b", added))
    words = re.findall(r"[a-z_]+", re.sub(r"'[^']*'", "", check[1]))
    return set(words) != {column} or "NULL" in check[1]


@pytest.fixture
def told(postgres_url: str) -> dict[str, list[str]]:
    """What each migration tells PostgreSQL."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        migrate(postgres_url)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return of_each_revision(statements)


def test_migrations_since_the_first_release_only_expand(told: dict[str, list[str]]) -> None:
    assert len(told) > BEFORE_THE_FIRST_RELEASE
    bad = {
        revision: [
            one
            for one in harm(statements)
            if not any(r == revision and part in one for r, part in EXCEPTIONS)
        ]
        for revision, statements in told.items()
        if not (revision.isdigit() and int(revision) <= BEFORE_THE_FIRST_RELEASE)
    }
    assert {revision: found for revision, found in bad.items() if found} == {}


def test_every_exception_is_needed(told: dict[str, list[str]]) -> None:
    for revision, part in EXCEPTIONS:
        assert any(part in one for one in harm(told[revision])), f"{revision}: {part}"


def test_the_early_migrations_would_be_found(told: dict[str, list[str]]) -> None:
    """They did what is forbidden now: so the rules see it."""
    found = " ".join(one for revision in ("0002", "0011", "0012") for one in harm(told[revision]))
    for word in ("takes something away", "do not know", "locks rows", "while it builds an index"):
        assert word in found


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE turns DROP COLUMN why",
        "ALTER TABLE turns RENAME COLUMN why TO reason",
        "ALTER TABLE turns ALTER COLUMN why TYPE TEXT",
        "ALTER TABLE turns ALTER COLUMN why SET NOT NULL",
        "ALTER TABLE turns ADD COLUMN a INTEGER NOT NULL",
        "ALTER TABLE turns ADD COLUMN a VARCHAR CHECK (a = why)",
        "ALTER TABLE turns ADD COLUMN a VARCHAR CHECK (a IS NOT NULL)",
        "ALTER TABLE turns ADD COLUMN a VARCHAR UNIQUE",
        "ALTER TABLE turns ADD COLUMN a TIMESTAMP DEFAULT now() NOT NULL",
        "ALTER TABLE turns ADD CONSTRAINT a CHECK (epoch > 0)",
        "CREATE INDEX a ON turns (why)",
        "CREATE UNIQUE INDEX CONCURRENTLY a ON turns (why)",
        "DROP INDEX a",
        "UPDATE turns SET why = ''",
    ],
)
def test_what_is_forbidden(statement: str) -> None:
    assert harm([statement])


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE turns ADD COLUMN a VARCHAR"],
        ["ALTER TABLE turns ADD COLUMN a VARCHAR CONSTRAINT b CHECK (a IN ('x', 'y'))"],
        ["ALTER TABLE turns ADD COLUMN a BOOLEAN DEFAULT false NOT NULL"],
        ["CREATE INDEX CONCURRENTLY a ON turns (why)"],
        ["CREATE TABLE new (id VARCHAR NOT NULL CHECK (id > ''))", "CREATE INDEX a ON new (id)"],
        ["CREATE TABLE new (id VARCHAR)", "UPDATE new SET id = ''"],
    ],
)
def test_what_is_allowed(statements: list[str]) -> None:
    assert harm(statements) == []
