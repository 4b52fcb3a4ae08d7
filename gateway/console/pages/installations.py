"""Letting a workspace in: to the channel's tool and back, and what holds for that workspace then.

The way back changes something though it is a GET, since that is how a browser comes back: it holds
for whoever began it, in the same sign-in, and once.
"""

from __future__ import annotations

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from gateway.audit import Who
from gateway.channels.base import Place
from gateway.console.rooms import ADMINS, PREFIX, Pages
from gateway.errors import Again, Never, NotFound
from gateway.installing import book
from gateway.installing.showing import shown

_LONGEST = 2_000
_REFUSALS = {"access_denied": "The app was not allowed in."}


def add_installation_pages(pages: Pages) -> None:
    """Add the way in, the way back, and the page of a workspace."""
    parts = pages.parts
    installing = parts.installing

    @pages.page("/channels/<name>/install", roles=ADMINS, title="Channels")
    def install(name: str) -> BaseResponse:
        here = pages.signed_in()
        region = request.args.get("region", "")
        return redirect(installing.begin(name, here.id, region), 303)

    @pages.page("/channels/<name>/callback", roles=ADMINS, title="Channels")
    def callback(name: str) -> BaseResponse:
        here = pages.signed_in()
        app = installing.apps.get(name)
        if app is None:
            raise NotFound("There is no such app.")
        refused = request.args.get("error")
        if refused is not None:
            text = request.args.get("error_description") or _REFUSALS.get(refused, refused)
            return failed(app.name, app.tool, text[:200], 400)
        code, state = request.args.get("code", ""), request.args.get("state", "")
        if not code or not state or len(code) > _LONGEST or len(state) > _LONGEST:
            return failed(app.name, app.tool, f"{app.tool} sent no code along.", 400)
        who = Who(
            kind="operator", id=here.operator.id, name=here.operator.name,
            address=g.address, request_id=g.request_id,
        )  # fmt: skip
        try:
            done = installing.finish(name, here.id, state, code, who)
        except Never as trouble:
            return failed(app.name, app.tool, trouble.message, 400)
        except Again as trouble:
            return failed(app.name, app.tool, trouble.message, 503)
        return pages.go(f"{PREFIX}/channels/{done.now.channel}/workspace")

    def failed(name: str, tool: str, text: str, status: int) -> Response:
        return pages.render("channels/failed.html", status, app=name, tool=tool, text=text)

    @pages.page("/channels/<name>/workspace", roles=ADMINS, title="Channels")
    def workspace(name: str) -> Response:
        with parts.database.read() as db:
            known = book.find(db, name)
            settings = parts.settings.channels.get(known.app)
            if settings is None or known.app not in installing.apps:
                raise NotFound("The app of this workspace is not configured any more.")
            told = shown(db, known, settings)
        people: list[Place] = []
        teams: list[Place] = []
        trouble = ""
        try:
            found = installing.places(name)
            people, teams = list(found[0]), list(found[1])
        except (Again, Never) as error:  # Paused is one of them
            trouble = error.message
        return pages.render(
            "channels/workspace.html",
            one=told,
            tool=installing.apps[known.app].tool,
            people=people,
            teams=teams,
            trouble=trouble,
            agents=[(name, name) for name in sorted(parts.agents)],
        )
