"""Bringing a database up to date, and applying failed deliveries once more."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.clock import SystemClock, to_micros
from gateway.store import Database, new_id
from gateway.store.models import Conversation, InboxDelivery
from gateway.store.sql import insert_into
from tests.cli.conftest import Gateway

PAYLOADS = Path(__file__).parents[1] / "channels" / "intercom" / "payloads" / "2.14"


def test_an_embedded_database_needs_nobody(gateway: Gateway) -> None:
    result = gateway.run("operators", "add", "a@b.test", "--name", "A", "--role", "admin")
    assert result.exit_code == 0
    assert (gateway.folder / "data" / "gateway.db").exists()


def test_another_one_is_migrated_when_asked(
    gateway: Gateway, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", postgres_url)
    before = gateway.run("operators", "list")
    assert before.exit_code == 1
    assert "run `gateway migrate`" in before.stderr
    for _ in range(2):
        assert gateway.run("migrate").exit_code == 0
    assert gateway.run("operators", "list").exit_code == 0


def failed_delivery(database: Database, content: dict[str, object]) -> str:
    """Keep a delivery as one that could not be applied."""
    delivery = new_id("dlv")
    row = {
        "id": delivery,
        "channel": "acme-intercom",
        "installation": content["app_id"],
        "dedup": delivery,
        "topic": content["topic"],
        "conversation": None,
        "state": "failed",
        "error": "KeyError while applying; see the log",
        "body": json.dumps(content).encode(),
        "received_at": to_micros(SystemClock().now()),
        "applied_at": None,
        "attempts": 1,
    }
    database.write(lambda db: db.execute(insert_into(db, InboxDelivery).values(row)))
    return delivery


def test_failed_deliveries_are_applied_once_more(on_migrated: Gateway, database: Database) -> None:
    content = json.loads((PAYLOADS / "conversation.user.created.json").read_bytes())
    on_migrated.configure(app_id=content["app_id"])
    good = failed_delivery(database, content)
    # Authentic, and without what a message needs.
    bad = failed_delivery(database, {**content, "data": {"item": {"type": "conversation"}}})

    result = on_migrated.run("replay", bad, "dlv_of_nobody", good)
    assert result.exit_code == 1
    assert result.stdout == (
        f"✗ {bad} failed again\n✗ there is no delivery dlv_of_nobody\n✓ {good} was applied\n"
    )
    with database.read() as db:
        assert db.scalars(select(Conversation.external_id)).all() == [
            str(content["data"]["item"]["id"])
        ]
    again = on_migrated.run("replay", good)
    assert again.exit_code == 1
    assert "is applied, only failed ones are replayed" in again.stdout
