"""Signing in at an identity provider: out to it, and back from it.

Plain links, for a form may not lead to another site (`form-action 'self'`). What is refused is told
on our own page, at an address without the provider's answer in it.
"""

from __future__ import annotations

import structlog
from flask import g, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from gateway.console.looks import start_of
from gateway.console.rooms import PREFIX, Pages
from gateway.console.signing import give_signin, safe_path
from gateway.errors import Conflict, GatewayError, TooMany
from gateway.oidc import Denied, Elsewhere, NotVouched, ProviderAway
from gateway.oidc.attempts import LASTS_S
from gateway.people.identities import NoEntry
from gateway.rails.cookies import Cookie

log = structlog.get_logger(__name__)


def add_provider_doors(pages: Pages, elsewhere: Elsewhere) -> None:
    """Add the doors to the provider, back from it, and to sign out there."""
    parts, blueprint = pages.parts, pages.blueprint
    provider, attempts, identities = elsewhere.provider, elsewhere.attempts, elsewhere.identities
    cookie = Cookie("gateway-attempt", parts.settings.public_url)

    def now_s() -> float:
        return parts.clock.now().timestamp()

    def refused(why: str) -> BaseResponse:
        return pages.go(f"{PREFIX}/login?trouble={why}")

    @blueprint.get("/login/oidc")
    def to_provider() -> BaseResponse:
        wanted = safe_path(request.args.get("next", ""))
        here = pages.who()
        if here is not None:
            return pages.go(wanted or start_of(here.operator.role))
        attempt = attempts.begin(wanted, now_s())
        try:
            answer = redirect(provider.address(attempt), 303)
        except ProviderAway as away:
            log.warning("provider_failed", error=away.message)
            return refused("away")
        cookie.give(answer, attempt.word, LASTS_S)
        return answer

    @blueprint.get("/login/oidc/callback")
    def from_provider() -> BaseResponse:
        try:
            answer = let_in()
        except GatewayError as error:
            answer = refused(_why(error))
        cookie.take(answer)  # good for one try
        return answer

    def let_in() -> BaseResponse:
        attempt = attempts.go_on(cookie.read(request), request.args.get("state", ""), now_s())
        caller = pages.caller()
        identities.count(caller)
        vouched = provider.who(attempt, request.args)
        secret = identities.sign_in(vouched, caller, old=parts.cookie.read(request))
        here = parts.signins.enter(secret)
        answer = pages.go(safe_path(attempt.wanted) or start_of(here.operator.role))
        give_signin(parts, answer, secret)
        return answer

    @blueprint.get("/login/oidc/out")
    def out_there() -> BaseResponse:
        try:
            address = provider.farewell()
        except ProviderAway as away:
            log.warning("provider_failed", error=away.message)
            return refused("away")
        return pages.go(f"{PREFIX}/login") if address is None else redirect(address, 303)


def _why(error: GatewayError) -> str:
    """The word of `TROUBLES` for what went wrong; raise what nobody expected."""
    match error:
        case NoEntry():
            return error.why  # noted already
        case TooMany():
            return "busy"
        case Denied():
            log.info("sign_in_refused", address=g.address, why=error.message)
            return "denied"
        case NotVouched():
            log.warning("sign_in_refused", address=g.address, why=error.message)
            return "not_vouched"
        case ProviderAway():
            log.warning("provider_failed", error=error.message)
            return "away"
        case Conflict():
            return "again"
        case _:
            raise error
