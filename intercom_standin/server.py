"""The stand-in as one object: a workspace, its REST server and its notifier."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from flask import Flask, Response, jsonify

from intercom_standin.cast import BOT_ADMIN_ID, default_admins, default_teams
from intercom_standin.control import control_doors
from intercom_standin.faults import Faults
from intercom_standin.gate import DEFAULT_LIMIT, Call, Gate
from intercom_standin.inbox import inbox_pages
from intercom_standin.notifier import Notifier
from intercom_standin.records import Admin, Team
from intercom_standin.rest_conversations import conversation_doors
from intercom_standin.rest_people import people_doors
from intercom_standin.served import Served
from intercom_standin.versions import number_of
from intercom_standin.world import World


class StandIn(Served):
    """Intercom for one workspace. Use it as a context manager, or start() and stop() it.

    Workspaces with the same `ids_of` name their customers by the same ids. With `keeps_connections`
    it keeps them open between requests, both ways, and also beyond stop().
    """

    def __init__(
        self,
        notify_url: str | None = None,
        *,
        client_secret: str = "standin-client-secret",
        token: str = "standin-token",
        app_id: str = "abc123std",
        name: str = "Acme (stand-in)",
        region: str = "US",
        ids_of: str | None = None,
        version: str = "2.14",
        bot_admin_id: int = BOT_ADMIN_ID,
        admins: Iterable[Admin] | None = None,
        teams: Iterable[Team] | None = None,
        clock: Callable[[], float] = time.time,
        retry_after_s: float = 60.0,
        timeout_s: float = 5.0,
        mode: str = "auto",
        topics: Iterable[str] | None = None,
        rate_limit: int = DEFAULT_LIMIT,
        seed: int = 0,
        keeps_connections: bool = False,
    ) -> None:
        number_of(version)
        self.token = token
        self.client_secret = client_secret
        self.app_id = app_id
        self.name = name
        self.faults = Faults(seed)
        self.world = World(
            admins=list(admins) if admins is not None else default_admins(bot_admin_id),
            teams=list(teams) if teams is not None else default_teams(),
            app_id=app_id,
            version=version,
            clock=clock,
            name=name,
            region=region,
            ids_of=ids_of,
        )
        self.notifier = Notifier(
            url=notify_url,
            client_secret=client_secret,
            app_id=app_id,
            version=lambda: self.world.version,
            faults=self.faults,
            mode=mode,
            retry_after_s=retry_after_s,
            timeout_s=timeout_s,
            topics=topics,
            clock=clock,
            keeps_connections=keeps_connections,
        )
        self.world.listener = self.notifier.publish
        self.gate = Gate(
            token=token,
            version=lambda: self.world.version,
            faults=self.faults,
            notifier=self.notifier,
            clock=clock,
            limit=rate_limit,
        )
        self.app = create_app(self)
        super().__init__(self.app, keeps_connections=keeps_connections)

    @property
    def requests(self) -> list[Call]:
        """The REST calls made so far, oldest first."""
        return self.gate.calls

    def stop(self) -> None:
        """Stop serving and delivering."""
        self.gate.stop()
        self.notifier.stop()
        super().stop()


def create_app(standin: StandIn) -> Flask:
    """Return the application: REST doors, control doors and the inbox page."""
    app = Flask("intercom_standin")
    app.config["MAX_CONTENT_LENGTH"] = 10 * 1024 * 1024
    # Flask's default redirects and HTML errors are not Intercom's.
    app.url_map.strict_slashes = False
    app.register_blueprint(conversation_doors(standin.world, standin.gate, standin.faults))
    app.register_blueprint(people_doors(standin.world, standin.gate, standin.faults))
    app.register_blueprint(control_doors(standin), url_prefix="/_standin")
    app.register_blueprint(inbox_pages())

    def not_found(error: Exception) -> tuple[Response, int]:
        errors = [{"code": "not_found", "message": "The requested resource was not found"}]
        return jsonify({"type": "error.list", "request_id": None, "errors": errors}), 404

    def not_this_way(error: Exception) -> tuple[Response, int]:
        errors = [{"code": "not_found", "message": "The method is not allowed here"}]
        return jsonify({"type": "error.list", "request_id": None, "errors": errors}), 405

    app.register_error_handler(404, not_found)
    app.register_error_handler(405, not_this_way)
    return app
