"""A public app: several workspaces behind one address, which let it in by OAuth.

`/oauth` is the page where an admin chooses a workspace and allows the app in, `/auth/eagle/token`
turns the code into a token. REST calls are for the workspace that the token is of; `/w/APP_ID/…` is
a workspace's inbox page and control doors. What a workspace tells is posted to `notify_url` from
when it has let the app in until it uninstalls it.

    POST /_public/uninstall   {app_id, tell?}    the app is removed: its token is dead, and
                                                 `<notify_url>/uninstall` is called unless not tell
    POST /_public/revoke      {app_id}           only the token is dead
    POST /_public/health      {app_id}           ask `<notify_url>/health`; answers what came back
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
from flask import Flask, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from intercom_standin.served import Served
from intercom_standin.server import StandIn
from intercom_standin.signing import body_signature

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOOR = "/w/"


class PublicApp(Served):
    """Intercom for several workspaces and one public app. Use it as a context manager."""

    def __init__(
        self,
        workspaces: Sequence[StandIn],
        *,
        client_id: str = "standin-client-id",
        client_secret: str = "standin-client-secret",
        redirect_urls: Iterable[str] = (),
        notify_url: str | None = None,
    ) -> None:
        super().__init__(self)
        self.workspaces = {one.app_id: one for one in workspaces}
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_urls = list(redirect_urls)
        self.notify_url = notify_url
        self._codes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._doors = _doors(self)
        for one in workspaces:
            one.notifier.url = None
            one.gate.token = secrets.token_urlsafe(24)  # nobody has been given it

    def stop(self) -> None:
        """Stop serving and delivering."""
        for one in self.workspaces.values():
            one.stop()
        super().stop()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Find whose call it is: the app's own, a workspace's by its path, or by the token."""
        path: str = environ.get("PATH_INFO", "")
        if path.startswith(_DOOR):
            app_id, _, rest = path[len(_DOOR) :].partition("/")
            if app_id in self.workspaces:
                inside = {
                    "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + _DOOR + app_id,
                    "PATH_INFO": f"/{rest}",
                }
                return self.workspaces[app_id].app({**environ, **inside}, start_response)
        if not path.startswith(("/oauth", "/auth/", "/_public/", "/_standin/static")):
            _, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            for one in self.workspaces.values():
                if secrets.compare_digest(given.strip().encode(), one.gate.token.encode()):
                    return one.app(environ, start_response)
        return self._doors(environ, start_response)

    # -- in and out --------------------------------------------------------------------------------

    def allow(self, app_id: str) -> str:
        """An admin of the workspace allows the app in; return the code."""
        # Vendor rule: a code may end in "=", and is refused without it.
        code = secrets.token_urlsafe(24) + "="
        with self._lock:
            self._codes[code] = app_id
        return code

    def redeem(self, code: str) -> str | None:
        """Turn a code into the workspace's token, once; None for any other."""
        with self._lock:
            app_id = self._codes.pop(code, None)
        if app_id is None:
            return None
        one = self.workspaces[app_id]
        one.gate.token = one.token = f"dG9rOg-{secrets.token_urlsafe(24)}"
        one.notifier.client_secret = self.client_secret
        one.notifier.url = self.notify_url
        return one.token

    def revoke(self, app_id: str) -> None:
        """The token is dead; notifications still come."""
        self.workspaces[app_id].gate.token = secrets.token_urlsafe(24)

    def uninstall(self, app_id: str, *, tell: bool = True) -> int | None:
        """The app is removed: nothing comes any more. Returns what the call was answered."""
        self.revoke(app_id)
        self.workspaces[app_id].notifier.url = None
        return self._call("/uninstall", {"app_id": app_id})[0] if tell else None

    def health(self, app_id: str) -> tuple[int | None, Any]:
        """Ask how it is, as Intercom does every 24 hours."""
        return self._call("/health", {"workspace_id": app_id})

    def _call(self, path: str, content: dict[str, str]) -> tuple[int | None, Any]:
        if self.notify_url is None:
            return None, None
        body = json.dumps(content).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Body-Signature": body_signature(body, self.client_secret),
        }
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(self.notify_url + path, data=body, headers=headers, timeout=5)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None


def _doors(public: PublicApp) -> Flask:
    app = Flask("intercom_standin", static_url_path="/_standin/static")

    @app.get("/oauth")
    def consent() -> Response:
        asked = request.args
        if asked.get("client_id") != public.client_id:
            return make_response("There is no app with this client_id.", 400)
        if _redirect_of(public) is None:
            return make_response("This redirect URL is not registered for the app.", 400)
        page = render_template(
            "consent.html", asked=asked, workspaces=list(public.workspaces.values())
        )
        answer = make_response(page)
        answer.headers["Content-Security-Policy"] = _PAGE_POLICY
        return answer

    @app.post("/oauth")
    def consented() -> BaseResponse:
        where = _redirect_of(public)
        if where is None:
            return make_response("This redirect URL is not registered for the app.", 400)
        told = {"state": request.form.get("state", "")}
        app_id = request.form.get("app_id", "")
        if request.form.get("answer") != "allow" or app_id not in public.workspaces:
            told["error"] = "access_denied"
        else:
            told["code"] = public.allow(app_id)
        return redirect(f"{where}{'&' if '?' in where else '?'}{urlencode(told)}", 302)

    @app.post("/auth/eagle/token")
    def token() -> BaseResponse:
        given = request.form or (request.get_json(silent=True) or {})
        right = given.get("client_id") == public.client_id and secrets.compare_digest(
            str(given.get("client_secret")).encode(), public.client_secret.encode()
        )
        found = public.redeem(str(given.get("code"))) if right else None
        if found is None:
            return _refusal(401, "unauthorized", "Unauthorized Code")
        return jsonify({"token_type": "Bearer", "token": found, "access_token": found})

    def operation(path: str, act: Callable[[str, dict[str, Any]], Any]) -> None:
        def door() -> BaseResponse:
            body = request.get_json(silent=True)  # as control.py: no page elsewhere can send JSON
            if not isinstance(body, dict) or body.get("app_id") not in public.workspaces:
                return _refusal(400, "bad_request", "app_id names no workspace")
            return jsonify(act(body["app_id"], body))

        app.add_url_rule(f"/_public{path}", path, door, methods=["POST"])

    def revoke(app_id: str, _: dict[str, Any]) -> Any:
        public.revoke(app_id)
        return {}

    def health(app_id: str, _: dict[str, Any]) -> Any:
        status, answer = public.health(app_id)
        return {"status": status, "answer": answer}

    operation(
        "/uninstall",
        lambda app_id, body: {"status": public.uninstall(app_id, tell=body.get("tell", True))},
    )
    operation("/revoke", revoke)
    operation("/health", health)

    def no_such_call(_: Exception) -> BaseResponse:
        # Whatever else is asked without a token that holds.
        return _refusal(401, "unauthorized", "Access Token Invalid")

    app.register_error_handler(404, no_such_call)
    app.register_error_handler(405, no_such_call)
    return app


def _redirect_of(public: PublicApp) -> str | None:
    """Where the browser goes back to. Vendor rule: only to what is registered for the app."""
    asked = request.values.get("redirect_uri", "")
    if not public.redirect_urls:
        return asked or None
    if not asked:
        return public.redirect_urls[0]
    return asked if asked in public.redirect_urls else None


def _refusal(status: int, code: str, message: str) -> Response:
    errors = [{"code": code, "message": message}]
    answer = jsonify({"type": "error.list", "request_id": str(uuid.uuid4()), "errors": errors})
    answer.status_code = status
    return answer
