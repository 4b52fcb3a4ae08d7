"""Sign in and out: forms that work without a script.

The form carries a word that its browser got as a cookie a moment before, so that no other site can
sign somebody in as somebody else; what changes something later carries the sign-in's own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from gateway.console.looks import start_of
from gateway.console.rooms import EVERYBODY, PREFIX, Pages
from gateway.errors import Forbidden, NotAuthentic, TooMany
from gateway.people.signins import LONGEST_S, csrf_holds
from gateway.rails.cookies import CSRF_HEADER, Cookie
from gateway.wiring import Parts

_FORM_LASTS_S = 8 * 3_600
_MOST_BYTES = 16 * 1024
_STALE = "This form was open for too long. Try it again."
TROUBLES = {
    "away": "{name} cannot be reached just now. Try again in a moment.",
    "denied": "{name} did not let you in.",
    "not_vouched": "This sign-in took too long, or was begun elsewhere. Try it again.",
    "email": "{name} has not verified your e-mail address, so nobody knows here who you are.",
    "domain": "Your e-mail address is of another organisation.",
    "unknown": "Nobody here has your e-mail address. Ask an administrator to add you.",
    "role": "{name} gives you no role here. Ask an administrator.",
    "deactivated": "You are deactivated here. Ask an administrator.",
    "taken": "Your e-mail address belongs to another account of {name} here. "
    "Ask an administrator to unlink it.",
    "busy": "Too many sign-ins were tried from where you are. Try again in a few minutes.",
    "again": "Something was in the way. Try it again.",
    "out": "You are signed out here. You may still be signed in at {name}.",
}
"""What the sign-in page says, by the word in its address: nothing else gets onto it from there."""


def add_signing_doors(pages: Pages) -> None:
    """Add the doors to come in and to go out."""
    parts, blueprint = pages.parts, pages.blueprint
    ways = parts.settings.sign_in
    form_cookie = Cookie("gateway-form", parts.settings.public_url)

    def form(status: int = 200, **context: str | int) -> Response:
        word = form_cookie.read(request) or secrets.token_urlsafe(24)
        wanted = safe_path(request.values.get("next", ""))
        page = pages.render(
            "signing/login.html", status, form_word=_signed(word), next=wanted, ways=ways, **context
        )
        form_cookie.give(page, word, _FORM_LASTS_S)
        return page

    @blueprint.get("/login")
    def login() -> BaseResponse:
        here = pages.who()
        if here is not None:
            return pages.go(safe_path(request.args.get("next", "")) or start_of(here.operator.role))
        trouble = request.args.get("trouble", "")
        if ways.oidc is None or trouble not in TROUBLES:
            return form()
        said = TROUBLES[trouble].format(name=ways.oidc.name)
        return form(note=said) if trouble == "out" else form(error=said)

    @blueprint.post("/login")
    def sign_in() -> BaseResponse:
        request.max_content_length = request.max_form_memory_size = _MOST_BYTES
        if not ways.passwords:
            return form(403, error="Passwords are not used here.")
        word = form_cookie.read(request)
        email = request.form.get("email", "")
        said = request.form.get("form", "")
        if not word or not hmac.compare_digest(_signed(word).encode(), said.encode()):
            return form(403, error=_STALE, email=email)
        try:
            secret = parts.signins.sign_in(
                email,
                request.form.get("password", ""),
                pages.caller(),
                old=parts.cookie.read(request),
            )
        except NotAuthentic as error:
            return form(401, error=error.message, email=email)
        except TooMany as error:
            page = form(429, error=error.message, email=email)
            page.headers["Retry-After"] = str(int(error.after_s or 60))
            return page
        here = parts.signins.enter(secret)
        wanted = safe_path(request.form.get("next", ""))
        answer = pages.go(wanted or start_of(here.operator.role))
        give_signin(parts, answer, secret)
        form_cookie.take(answer)
        return answer

    def going_out(everywhere: bool) -> BaseResponse:
        here = pages.require(*EVERYBODY)
        request.max_content_length = request.max_form_memory_size = _MOST_BYTES
        if not csrf_holds(here, request.headers.get(CSRF_HEADER) or request.form.get("csrf", "")):
            raise Forbidden(
                "This did not come from a page of ours. Reload the page, and try again."
            )
        if everywhere:
            parts.signins.sign_out_everywhere(here, pages.caller())
        else:
            parts.signins.sign_out(here, pages.caller())
        parts.presences.say(here.operator.id, "offline")
        answer = pages.go(f"{PREFIX}/login{'?trouble=out' if ways.oidc is not None else ''}")
        parts.cookie.take(answer)
        # What was kept in this browser for whoever signed out is nobody else's.
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    @blueprint.post("/logout")
    def sign_out() -> BaseResponse:
        return going_out(everywhere=False)

    @blueprint.post("/logout-everywhere")
    def sign_out_everywhere() -> BaseResponse:
        return going_out(everywhere=True)


def safe_path(text: str) -> str:
    """`text` if it is a path of the console; empty for anything else, as other sites' addresses."""
    if not text.startswith(PREFIX) or any(not "!" <= letter <= "~" for letter in text):
        return ""
    parts = urlsplit(text)
    path = parts.path
    inside = path == PREFIX or path.startswith(f"{PREFIX}/")
    if parts.scheme or parts.netloc or not inside or "\\" in text or "//" in path or ".." in path:
        return ""
    return "" if path.startswith((f"{PREFIX}/login", f"{PREFIX}/logout")) else text


def _signed(word: str) -> str:
    """What the form says; the cookie's word itself stays in the cookie."""
    return hashlib.sha256(f"form:{word}".encode()).hexdigest()


def give_signin(parts: Parts, answer: BaseResponse, secret: str) -> None:
    """Let the browser that gets this answer be signed in."""
    parts.cookie.give(answer, secret, LONGEST_S)
