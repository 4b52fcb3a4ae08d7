"""Two installations of one app with equal conversation, part, contact and admin ids never mix."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from gateway.store.models import ContactIdentity, Conversation, FactRow, Installation, Staff
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from tests.installing.town import APP, EAST, WEST, Town, town
from tests.rig import BOT


def test_the_stories_in_two_workspaces_with_equal_ids(migrated_url: str, tmp_path: Path) -> None:
    with town(migrated_url, tmp_path) as it:
        it.install(EAST)
        it.install(WEST)
        east, west = (it.workspaces[id].world for id in (EAST, WEST))
        # The same customer's id, conversation's id and parts' ids, in the same second.
        first = east.customer_starts("East asks", name="Eve East", email="eve@east.example")
        second = west.customer_starts("West asks", name="Will West", email="will@west.example")
        assert first.conversation.id == second.conversation.id
        assert first.contact.id == second.contact.id
        conversation = first.conversation.id
        it.settle()
        assert it.said_by_bot(EAST, conversation) == ["AI: East asks"]
        assert it.said_by_bot(WEST, conversation) == ["AI: West asks"]

        # A takeover in the east silences the AI there, and only there; a person of the same id
        # works in the west, by another name.
        it.workspaces[WEST].world.admins[AOIFE_ID].name = "Anna West"
        east.assign(conversation, f"admin:{AOIFE_ID}", by=AOIFE_ID)
        it.settle()
        assert it.session(EAST).mode == "human"
        assert it.session(WEST).mode == "ai"
        east.customer_replies(conversation, "East again")
        west.customer_replies(conversation, "West again")
        it.settle()
        assert it.history(EAST) == ["customer: East asks", "ai: AI: East asks",
                                    "customer: East again"]  # fmt: skip
        assert it.history(WEST) == ["customer: West asks", "ai: AI: West asks",
                                    "customer: West again", "ai: AI: West again"]  # fmt: skip

        # A handover from here is carried out in its own workspace.
        token = it.session(WEST).id
        assert it.api("POST", f"/sessions/{token}/handover", reason="try").status_code == 200
        it.settle()
        assert west.conversations[conversation].holding.team_id is not None
        assert east.conversations[conversation].holding.team_id is None
        # Back to the AI in the east: the brief and the answer are the east's.
        east.assign(conversation, f"admin:{BOT}", by=AOIFE_ID)
        it.settle()
        assert it.session(EAST).mode == "ai"
        assert it.history(EAST)[-1] == "ai: AI: East again"
        assert [m.text for m in it.agent.turns[-1].messages if "West" in m.text] == []

        # Closed in one, open in the other.
        east.close(conversation, MAREK_ID)
        it.settle()
        assert (it.session(EAST).status, it.session(WEST).status) == ("finished", "active")
        _nothing_is_shared(it)
        _people_have_their_own_names(it)


def _nothing_is_shared(it: Town) -> None:
    with it.parts.database.read() as db:
        homes = dict(db.execute(select(Installation.channel, Installation.id)).all())
        assert sorted(homes) == [f"{APP}.{EAST}", f"{APP}.{WEST}"]
        east, west = homes[f"{APP}.{EAST}"], homes[f"{APP}.{WEST}"]

        def of(model: type, column: object, home: str) -> set[str]:
            found = db.scalars(select(column).where(model.installation_id == home))  # type: ignore[call-overload, attr-defined]
            return set(found)

        for model, column in (
            (Conversation, Conversation.external_id),
            (ContactIdentity, ContactIdentity.external_id),
            (Staff, Staff.external_id),
        ):
            assert of(model, column, east) & of(model, column, west), model
        for column in (Conversation.contact_id, Conversation.id):
            assert not of(Conversation, column, east) & of(Conversation, column, west)
        assert not of(ContactIdentity, ContactIdentity.contact_id, east) & of(
            ContactIdentity, ContactIdentity.contact_id, west
        )
        facts = [
            set(db.scalars(select(FactRow.external_id).join(
                Conversation, Conversation.id == FactRow.conversation_id
            ).where(Conversation.installation_id == home)))
            for home in (east, west)
        ]  # fmt: skip
        assert facts[0] & facts[1]  # equal ids of parts, each with its own conversation


def _people_have_their_own_names(it: Town) -> None:
    it.clock.advance(3600)
    it.work("directory")
    with it.parts.database.read() as db:
        names = dict(
            db.execute(
                select(Installation.channel, Staff.name)
                .join(Staff, Staff.installation_id == Installation.id)
                .where(Staff.external_id == str(AOIFE_ID), Staff.kind == "operator")
            ).all()
        )
    assert names == {f"{APP}.{EAST}": "Aoife Byrne", f"{APP}.{WEST}": "Anna West"}


def test_a_workspace_that_is_not_installed_is_kept_apart(migrated_url: str, tmp_path: Path) -> None:
    with town(migrated_url, tmp_path) as it:
        it.install(EAST)
        stranger = it.workspaces[WEST]
        stranger.notifier.url, stranger.notifier.client_secret = it.public.notify_url, "app-secret"
        stranger.world.customer_starts("Hello?")
        assert [one.status for one in stranger.notifier.deliver_pending()] == [200, 200]
        assert it.session(WEST) is None
        items = it.api("GET", "/deliveries?state=foreign").json()["items"]
        assert [one["channel"] for one in items] == [APP, APP]
        # Signed with another secret, it is nothing at all.
        stranger.notifier.client_secret = "another"
        stranger.world.customer_starts("Hello?")
        assert [one.status for one in stranger.notifier.deliver_pending()] == [401, 401]
        # An installation has no door of its own.
        stranger.notifier.client_secret = "app-secret"
        stranger.notifier.url = f"{it.url}/webhooks/{APP}.{EAST}"
        assert stranger.notifier.ping().status == 404
