"""What holds for every channel holds for a workspace's: retention, links of people, the doors."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from gateway.cli import main
from gateway.store.models import InboxDelivery
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from tests.installing.town import APP, EAST, WEST, town
from tests.rig import rig

DAY_S = 86_400.0


def test_what_the_apps_table_keeps_holds_for_each_workspace(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    with town(migrated_sqlite_url, tmp_path, retention_days=2.0, payload_days=3.0) as it:
        it.install(EAST)
        east, west = it.workspaces[EAST], it.workspaces[WEST]
        conversation = east.world.customer_starts("A secret").conversation.id
        it.settle()
        east.world.close(conversation, AOIFE_ID)
        it.settle()
        assert it.history(EAST)[0] == "customer: A secret"
        west.notifier.url, west.notifier.client_secret = it.public.notify_url, "app-secret"
        west.world.customer_starts("A stranger's secret")
        west.notifier.deliver_pending()
        it.clock.advance(2.1 * DAY_S)
        it.work("upkeep")
        assert not any("secret" in line for line in it.history(EAST))
        it.clock.advance(1.1 * DAY_S)
        it.work("upkeep")
        with it.parts.database.read() as db:
            bodies = list(db.scalars(select(InboxDelivery.body)))
        assert not any(b"secret" in body for body in bodies), "foreign ones, too"


def test_people_are_linked_to_workspaces(
    migrated_sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with town(migrated_sqlite_url, tmp_path) as it:
        it.install(EAST)
        it.install(WEST)
        it.configure(tmp_path, monkeypatch)
        add = ["operators", "add", "marek@acme.test", "--name", "Marek", "--role", "admin"]
        for link in (f"{APP}:1", "another.east:1", "another:1"):
            refused = CliRunner().invoke(main, [*add, "--link", link])
            assert "there is no channel" in refused.output, refused.output
        done = CliRunner().invoke(main, [*add, "--link", f"{APP}.{EAST}:{MAREK_ID}"])
        assert done.exit_code == 0, done.output
        # Who they are in one workspace they are not in the other, whatever the ids.
        it.workspaces[EAST].world.customer_starts("East")
        it.workspaces[WEST].world.customer_starts("West")
        it.settle()
        for app_id in (EAST, WEST):
            world = it.workspaces[app_id].world
            world.assign(next(iter(world.conversations)), f"admin:{MAREK_ID}", by=MAREK_ID)
        it.settle()
        shown = {
            app_id: it.api("GET", f"/sessions/{it.session(app_id).id}").json()["responsible"]
            for app_id in (EAST, WEST)
        }
        # The picture is our Marek's in the one, and of the teammate's name in the other.
        initials = {app_id: one["avatar"]["initials"] for app_id, one in shown.items()}
        assert initials == {EAST: "M", WEST: "MN"}


def test_a_private_channel_has_the_doors_too(migrated_sqlite_url: str, tmp_path: Path) -> None:
    with rig(migrated_sqlite_url, tmp_path) as it:
        notifier = it.standin.notifier
        assert (notifier.health(), notifier.uninstall()) == (200, 200)
        notifier.client_secret = "another"
        assert (notifier.health(), notifier.uninstall()) == (401, 401)
        assert it.parts.channels["acme-intercom"].paused is None
