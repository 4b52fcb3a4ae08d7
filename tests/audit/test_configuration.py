"""Other settings than before are seen in the audit; secrets are seen to have changed, no more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.audit import configuration
from gateway.audit.masking import HIDDEN
from gateway.store import Database
from gateway.store.models import AuditEntry, KnownConfiguration
from tests.api.house import AGENT_SECRET, CHANNEL, SECRET, settings


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.dispose()


def noted(database: Database, which: Any) -> bool:
    return database.write(lambda db: configuration.note(db, which, now=1))


def test_what_has_changed_is_told(database: Database, migrated_url: str) -> None:
    first = settings(migrated_url)
    channel = first.channels[CHANNEL]
    assert not noted(database, first)
    assert not noted(database, first)
    assert not noted(database, replace(first, public_url="https://elsewhere.test"))
    second = replace(
        first,
        channels={CHANNEL: replace(channel, client_secret=("another",), bot_admin_id="7")},
        api=replace(first.api, burst=200),
    )
    assert noted(database, second)
    assert not noted(database, second)
    with database.read() as db:
        entry = db.scalars(select(AuditEntry)).one()
        kept = json.dumps(db.scalars(select(KnownConfiguration)).one().settings)
    assert (entry.action, entry.actor_kind) == ("change_settings", "system")
    name = f"channels.{CHANNEL}"
    assert entry.before == {
        f"{name}.bot_admin_id": "814860", f"{name}.client_secret": HIDDEN, "api.burst": 100,
    }  # fmt: skip
    assert entry.after == {
        f"{name}.bot_admin_id": "7", f"{name}.client_secret": HIDDEN, "api.burst": 200,
    }  # fmt: skip
    for secret in (SECRET, AGENT_SECRET, "an access token", "a secret key", "another"):
        assert secret not in kept


def test_what_is_gone_is_told(database: Database, migrated_url: str) -> None:
    first = settings(migrated_url)
    noted(database, first)
    assert noted(database, replace(first, channels={}))
    with database.read() as db:
        entry = db.scalars(select(AuditEntry)).one()
    assert entry.after == {}
    assert entry.before is not None
    assert entry.before[f"channels.{CHANNEL}.agent"] == "support"
