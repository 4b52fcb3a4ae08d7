"""Letting workspaces in and out: what happens at the doors of a public app, each in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from gateway import audit
from gateway.audit import SYSTEM, Thing, Who
from gateway.channels.base import App, Channel, Envelope, Installed, Place
from gateway.clock import Clock, to_micros
from gateway.errors import Forbidden, NotFound, Paused
from gateway.installing import book, consents
from gateway.installing.asking import asking
from gateway.installing.book import Changed
from gateway.installing.channels import LiveChannels
from gateway.installing.seals import Seals
from gateway.store import Database, Transaction

log = structlog.get_logger(__name__)

STALE = (
    "This way in was begun elsewhere, used before, or is older than ten minutes. "
    "Begin again: Connect a workspace."
)


class Installing:
    """Lets workspaces in and out of the configured apps. Safe to share."""

    def __init__(
        self,
        database: Database,
        apps: Mapping[str, App],
        channels: LiveChannels,
        seals: Seals,
        wake: Callable[[str], object],
        clock: Clock,
        public_url: str,
    ) -> None:
        self.apps = apps
        self.seals = seals
        self._database = database
        self._channels = channels
        self._wake = wake
        self._clock = clock
        self._public_url = public_url
        channels.refused = self.token_refused

    def home(self, door: Channel, envelope: Envelope) -> Channel:
        """The channel that a notification at this door is of: for an app, its workspace's.

        One of a workspace that has not let us in is the door's own, which keeps it apart.
        """
        if door.name not in self.apps:
            return door
        name = f"{door.name}.{envelope.installation}"
        self._channels.refresh()
        if name not in self._channels:
            self._channels.refresh(at_once=True)  # it may have come in a moment ago
        return self._channels.get(name, door)

    # -- the way in --------------------------------------------------------------------------------

    def begin(self, name: str, signin_id: str, region: str) -> str:
        """Where the browser of an administrator has to go; raise NotFound."""
        app = self._app(name)
        now = self._now()
        state = self._database.write(lambda db: consents.begin(db, name, signin_id, now))
        region = region if region in app.regions else app.regions[0]
        return app.consent.address(state, f"{self._public_url}/channels/{name}/callback", region)

    def finish(self, name: str, signin_id: str, state: str, code: str, who: Who) -> Changed:
        """The browser is back: take the token, and keep it.

        Raises NotFound, Forbidden for a state that is not this sign-in's, Never for a code that is
        refused, and Again.
        """
        app = self._app(name)
        now = self._now()
        if not self._database.write(lambda db: consents.end(db, name, signin_id, state, now)):
            raise Forbidden(STALE)
        with asking() as ask:
            workspace = app.consent.redeem(code, ask)

        def keep(db: Transaction) -> Changed:
            done = book.install(db, self.seals, name, workspace, by=who.id or "", now=now)
            after = {
                "workspace": workspace.id, "region": workspace.region, "state": done.now.state,
                "again": done.before is not None,
            }  # fmt: skip
            thing = Thing("channel", done.now.channel)
            audit.write(db, who, "install_app", thing, after=after, now=now)
            return done

        done = self._database.write(keep)
        log.info("app_installed", channel=done.now.channel, state=done.now.state)
        self.changed(done)
        return done

    def places(self, channel: str) -> tuple[Sequence[Place], Sequence[Place]]:
        """The people and teams there are to choose from, asked now; raise Again, Paused, Never."""
        with self._database.read() as db:
            known = book.find(db, channel)
        if known.token is None:
            raise Paused(book.WHY[known.state])
        asked_of = Installed(
            channel=channel, workspace=known.external_id, title=known.title, region=known.region,
            token=self.seals.open(known.token, known.installation_id), seat=known.seat or "",
            settings=known.settings,
        )  # fmt: skip
        try:
            with asking() as ask:
                return self._app(known.app).consent.places(asked_of, ask)
        except Paused:
            self.token_refused(channel, known.version)
            raise

    # -- the way out -------------------------------------------------------------------------------

    def token_refused(self, channel: str, version: int) -> None:
        """The channel rests until its app is installed again, and whoever looks can see why."""
        now = self._now()

        def rest(db: Transaction) -> Changed | None:
            done = book.revoke(db, channel, version, now)
            if done is not None:
                after = {"state": done.now.state}
                audit.write(db, SYSTEM, "pause_channel", Thing("channel", channel), after=after,
                            now=now)  # fmt: skip
            return done

        done = self._database.write(rest)
        if done is not None:
            log.warning("app_token_refused", channel=channel)
            self.changed(done)

    def uninstalled(self, name: str, workspace: str) -> bool:
        """The app was removed there: its token is gone. False if it never was installed."""
        now, channel = self._now(), f"{name}.{workspace}"

        def forget(db: Transaction) -> Changed | None:
            try:
                done = book.uninstall(db, channel, now)
            except NotFound:
                return None
            if done.before is not None and done.before.state != done.now.state:
                before, after = {"state": done.before.state}, {"state": done.now.state}
                audit.write(db, SYSTEM, "uninstall_app", Thing("channel", channel), before, after,
                            now=now)  # fmt: skip
            return done

        done = self._database.write(forget)
        if done is None:
            return False
        log.info("app_uninstalled", channel=channel)
        self.changed(done)
        return True

    def changed(self, done: Changed) -> None:
        """An installation is not as it was: this process sees it at once, others in a second."""
        self._channels.refresh(at_once=True)
        for kind in sorted(done.owed):
            self._wake(kind)

    def _app(self, name: str) -> App:
        app = self.apps.get(name)
        if app is None:
            raise NotFound("There is no such app: see [channels.*] with a client_id.")
        return app

    def _now(self) -> int:
        return to_micros(self._clock.now())
