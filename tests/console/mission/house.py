"""The gateway of the mission's stories: Intercom's stand-in, the widget on a site, people at work.

All of it is real, in this process: HTTP on every side, a worker that does what is due. Only the
clock is not: it stands until a story moves it, so that markers say what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.config import Settings, load_settings
from gateway.demo import stage
from gateway.people import operators
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from intercom_standin.server import StandIn
from tests.api.house import BOT, CHANNEL
from tests.console.house import ConsoleHouse
from tests.services.processes import wait_until
from tests.services.worker import Worker

WEB, KEY = "acme-web", "acme-web-key"
AOIFE, MAREK, SAM, VERA = "Aoife Byrne", "Marek Nowak", "Sam Supervisor", "Vera Viewer"
# The role, and the seat in Intercom.
_STAFF: dict[str, tuple[Any, int | None]] = {
    AOIFE: ("operator", AOIFE_ID),
    MAREK: ("operator", MAREK_ID),
    SAM: ("admin", None),
    VERA: ("viewer", None),
}
_WORK = ("turns", "deliver", "sync")
_TOML = """\
[workspace]
name = "Acme"
time_zone = "Asia/Tokyo"

[agents.support]
kind = "scripted"
script = "{script}"
debounce_s = 0.0
handover_message = "I am handing you over to a colleague now."

[channels.{channel}]
kind = "intercom"
agent = "support"
access_token = "{token}"
client_secret = "{client_secret}"
bot_admin_id = "{bot}"
base_url = "{intercom}"
reconcile_every_s = 0.0

[channels.{web}]
kind = "webwidget"
agent = "support"
key = "{key}"
allowed_origins = ["{site}"]
title = "Acme"
requests_per_second = 50
address_requests_per_second = 500
"""


class MissionHouse(ConsoleHouse):
    """`sam`, `aoife`, `marek` and `vera` (`…@acme.test`) have signed up; START is 01:00 there."""

    def __init__(self, folder: Path, database_url: str, *, url: str, site: str) -> None:
        self._folder, self._site = folder, site
        self.standin = StandIn(clock=lambda: self.clock.now().timestamp())
        super().__init__(database_url, people=False, url=url)
        self.standin.notifier.url = f"{url}/webhooks/{CHANNEL}"
        self.database.write(self._employ)
        self.give_passwords()
        self._worker = Worker(self.parts, _WORK)

    def settings(self, database_url: str, *, url: str = "", **_: Any) -> Settings:
        """As a file and an environment say them."""
        self.standin.start()
        config = self._folder / "gateway.toml"
        config.write_text(
            _TOML.format(
                script=Path(stage.__file__).with_name("shop.toml"), channel=CHANNEL, bot=BOT,
                token=self.standin.token, client_secret=self.standin.client_secret,
                intercom=self.standin.base_url, web=WEB, key=KEY, site=self._site,
            )
        )  # fmt: skip
        return load_settings(
            {
                "GATEWAY_CONFIG": str(config), "GATEWAY_DATA_DIR": str(self._folder),
                "GATEWAY_DATABASE_URL": database_url, "GATEWAY_SECRET_KEY": "s" * 40,
                "GATEWAY_PUBLIC_URL": url,
            }
        )  # fmt: skip

    def _employ(self, db: Any) -> None:
        for name, (role, seat) in _STAFF.items():
            key = name.split()[0].lower()
            added = operators.add(db, email=f"{key}@acme.test", name=name, role=role, now=self.now)
            if seat is not None:
                operators.link(db, added.id, CHANNEL, str(seat))
            self.ids[key] = added.id
            self.tokens[key] = operators.new_token(db, added.id, self.now)

    # -- time and work -----------------------------------------------------------------------------

    def next_minute(self) -> str:
        """Move to a full minute; how markers say it in the workspace's zone."""
        self.clock.advance(60 - self.clock.now().timestamp() % 60)
        there = self.clock.now().astimezone(self.parts.settings.workspace.zone)
        return f"{there:%d %b %Y, %H:%M}"

    def tick(self) -> None:
        """A second goes by."""
        self.clock.advance(1)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Do what is due, all the time."""
        self._worker.start()
        try:
            yield
        finally:
            troubles = self._worker.stop()
            self.standin.stop()
            self.database.dispose()
        assert troubles == []

    def quiet(self) -> None:
        """Wait until nothing is owed: what has not been said by then is not said."""
        calm = 0

        def is_quiet() -> bool:
            nonlocal calm
            calm = 0 if self._worker.is_busy() else calm + 1
            return calm > 2

        wait_until(is_quiet, "nothing to do")

    # -- what the doors say ------------------------------------------------------------------------

    def refusal(self, session: str, who: str) -> tuple[int, str]:
        """How the API refuses to hand a session over."""
        answer = self.post(f"/sessions/{session}/handover", {}, role=who)
        return answer.status_code, answer.json["error"]["message"]

    def session_of(self, conversation: str) -> str:
        """The newest session of a conversation, once there is one."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = self.get(f"/sessions?conversation={conversation}", "vera").json["items"]
            return bool(found)

        wait_until(is_there, "a session")
        return str(found[0]["id"])

    def finish_all(self) -> None:
        """Leave nothing that waits for somebody to the next story."""
        for one in self.get("/sessions?status=active", "sam").json["items"]:
            assert self.post(f"/sessions/{one['id']}/finish", role="sam").status_code == 200
        self.quiet()

    # -- Intercom ----------------------------------------------------------------------------------

    def in_intercom(self, conversation: str) -> list[str]:
        """Who said what to the customer there, as `id: text`."""
        found = self.standin.world.conversations[conversation]
        return [
            f"{part.author.id}: {part.body}" for part in found.parts
            if part.body and part.part_type != "note"
        ]  # fmt: skip
