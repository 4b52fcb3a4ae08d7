"""What all pages stand on: who may open them, what they are rendered with, what browsers are told.

    @pages.page("/sessions/<session_id>", title="Sessions")
    def session(session_id: str) -> Response:
        return pages.render("sessions/session.html", ...)

A page is read only (GET); acts go through the API, from the browser. The roles that a page is for
are decided here on every request, whatever the menu shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from gateway.console import words
from gateway.console.files import Files
from gateway.console.looks import Menu, read_theme, security_headers
from gateway.console.people import picture_of
from gateway.errors import Forbidden, NotAuthentic
from gateway.logs import origin
from gateway.people.operators import Operator, Role
from gateway.people.signins import Caller, SignedIn
from gateway.rails.address import address_behind
from gateway.store import new_id
from gateway.wiring import Parts

PREFIX = "/console"
EVERYBODY: tuple[Role, ...] = ("admin", "operator", "viewer")
MAY_ACT: tuple[Role, ...] = ("admin", "operator")
ADMINS: tuple[Role, ...] = ("admin",)

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect(Exception):
    """Raised where somebody has to go somewhere else first."""

    to: str


class Pages:
    """The room of pages: a blueprint, and what its views need."""

    def __init__(self, parts: Parts, files: Files) -> None:
        self.parts = parts
        self.files = files
        self.blueprint = Blueprint("console", __name__, template_folder="templates")
        self._headers = security_headers(parts.settings.public_url)
        zone = parts.settings.workspace.zone
        for name, filter_ in words.filters(zone, parts.clock).items():
            self.blueprint.add_app_template_filter(filter_, name)
        self.blueprint.add_app_template_global(lambda: files.named("icons-", ".svg"), "icons")
        self.blueprint.before_request(self._begin)
        self.blueprint.after_request(self._finish)

    def page(
        self, rule: str, *, roles: Collection[Role] = EVERYBODY, title: str = ""
    ) -> Callable[[View], View]:
        """Open a page to these roles: anybody else is sent to the sign-in, or refused (403).

        `title` names the page in the menu, and is the beginning of the browser's title.
        """

        def open_page(view: View) -> View:
            @wraps(view)
            def opened(*args: Any, **kwargs: Any) -> Any:
                self.require(*roles)
                g.page_title = title
                return view(*args, **kwargs)

            self.blueprint.get(rule)(opened)
            return view

        return open_page

    def require(self, *roles: Role) -> SignedIn:
        """Who has signed in; raises NotAuthentic, and Forbidden for another role."""
        here = self.who()
        if here is None:
            raise NotAuthentic("Sign in first.")
        if here.operator.role not in roles:
            raise Forbidden(f"This page is not for your role ({here.operator.role}).")
        return here

    def who(self) -> SignedIn | None:
        """Who has signed in with this browser; asked of the record once per request."""
        if "signed_in" not in g:
            secret = self.parts.cookie.read(request)
            try:
                g.signed_in = self.parts.signins.enter(secret) if secret else None
            except NotAuthentic:
                g.signed_in = None
        found: SignedIn | None = g.signed_in
        return found

    def signed_in(self) -> SignedIn:
        """Who looks at this page, and by which sign-in."""
        return self.require(*EVERYBODY)

    def operator(self) -> Operator:
        """The operator who looks at this page."""
        return self.require(*EVERYBODY).operator

    def caller(self) -> Caller:
        """From where this request comes."""
        return Caller(
            address=g.address,
            browser=request.headers.get("User-Agent", ""),
            request_id=g.request_id,
        )

    def render(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page, or a part of one, with what every template may name."""
        here = self.who()
        html = render_template(
            f"console/{template}",
            **{
                "me": here.operator if here else None,
                "csrf": here.csrf if here else "",
                "workspace": self.parts.settings.workspace,
                "ui": current_app.jinja_env.get_template("console/ui.html").module,
                "files": self.files,
                "theme": read_theme(request.cookies),
                "menu": Menu.of(here.operator.role, request.path) if here else Menu(),
                "page_title": g.get("page_title", ""),
                "my_picture": lambda: picture_of(self.parts, here.operator) if here else "",
                "now": self.parts.clock.now(),
                **context,
            },
        )
        return Response(html, status=status, content_type="text/html; charset=utf-8")

    def is_part(self) -> bool:
        """True if htmx asks for a part of a page that is open already."""
        return request.headers.get("HX-Request") == "true"

    @staticmethod
    def go(path: str, status: int = 303) -> BaseResponse:
        """Go on there: a path of ours, never an address."""
        return redirect(path, status)

    def _begin(self) -> None:
        g.request_id = origin() or new_id("req")
        g.address = address_behind(
            request.remote_addr,
            request.headers.getlist("X-Forwarded-For"),
            self.parts.settings.api.trusted_proxies,
        )
        self.parts.refresh()

    def _finish(self, answer: Response) -> Response:
        for name, value in self._headers:
            answer.headers.setdefault(name, value)
        answer.headers["X-Request-Id"] = g.get("request_id", "")
        return answer
