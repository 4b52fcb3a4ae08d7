"""The gate before every REST call: token, version, rate limit, faults, hooks and the log."""

from __future__ import annotations

import functools
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, copy_current_request_context, jsonify, request

from intercom_standin import versions
from intercom_standin.faults import Fault, Faults
from intercom_standin.ledger import NotAllowed, NotThere, Taken
from intercom_standin.notifier import Notifier
from intercom_standin.records import Json

WINDOW_S = 10  # Vendor rule: the limit per minute is cut into windows of 10 seconds.
DEFAULT_LIMIT = 1666  # Vendor rule: 10 000 a minute for one app.


class ApiError(Exception):
    """An answer that is not 200."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(kw_only=True)
class Call:
    """One REST call made to the stand-in; `status` None means that no answer was sent."""

    method: str
    path: str
    kind: str
    query: dict[str, str]
    body: Json | None
    version: str
    at: float
    status: int | None = None
    answer: Json | None = field(default=None, repr=False)
    seconds: float = 0.0
    fault: str | None = None
    changed: bool = False  # whether an effect took place
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def conversation_id(self) -> str | None:
        """The conversation named in the path."""
        return self.ids.get("conversation_id")


View = Callable[..., Json]
Kind = str | Callable[[Json], str]


class Gate:
    """Lets calls through to their view, or makes them go wrong as asked."""

    def __init__(
        self,
        *,
        token: str,
        version: Callable[[], str],
        faults: Faults,
        notifier: Notifier,
        clock: Callable[[], float],
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.token = token
        # Tokens that hold as well: while one is replaced, until the old one is revoked.
        self.older_tokens: tuple[str, ...] = ()
        self.limit = limit
        self.calls: list[Call] = []
        self._app_version = version
        self._faults = faults
        self._notifier = notifier
        self._clock = clock
        self._lock = threading.Lock()
        self._window = (0, 0)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let every call that is being held go."""
        self._stopping.set()

    def door(self, kind: Kind, *, effect: bool = False) -> Callable[[View], Callable[..., Any]]:
        """Decorate a view `(call, **ids) -> answer`; `kind` may depend on the body."""

        def wrap(view: View) -> Callable[..., Any]:
            @functools.wraps(view)
            def guarded(**ids: str) -> Response:
                return self._serve(kind, effect, view, ids)

            return guarded

        return wrap

    def _serve(self, kind: Kind, effect: bool, view: View, ids: dict[str, str]) -> Response:
        started = time.monotonic()
        body = request.get_json(silent=True)
        body = body if isinstance(body, dict) else None
        call = Call(
            method=request.method,
            path=request.path,
            kind=kind if isinstance(kind, str) else kind(body or {}),
            query=dict(request.args),
            body=body,
            version=request.headers.get("Intercom-Version") or self._app_version(),
            at=self._clock(),
            ids=dict(ids),
        )
        with self._lock:
            self.calls.append(call)
        rate_headers: dict[str, str] = {}
        try:
            self._check_token()
            rate_headers = self._count()
            self._check_version(call)
            if request.method in ("POST", "PUT") and body is None:
                raise ApiError(400, "bad_request", "The body is not a JSON object")
            answer = self._through_faults(call, effect, view)
        except (ApiError, NotThere, NotAllowed, Taken) as error:
            answer = _error_answer(error)
        call.seconds = time.monotonic() - started
        if answer is None:
            return _drop_connection()
        answer.headers.extend(rate_headers)
        call.status, call.answer = answer.status_code, answer.get_json(silent=True)
        return answer

    def _through_faults(self, call: Call, effect: bool, view: View) -> Response | None:
        places = (call.kind, "effect") if effect else (call.kind,)

        def strikes(kind: str) -> Fault | None:
            fault = self._faults.draw(kind, *places)
            if fault is not None:
                call.fault = kind
            return fault

        if strikes("rate_limited"):
            raise self._too_many()
        if strikes("server_error"):
            raise ApiError(500, "server_error", "Server Error")
        if strikes("unavailable"):
            raise ApiError(503, "service_unavailable", "Sorry, the API service is unavailable")
        if slow := strikes("slow"):
            self._stopping.wait(slow.seconds)
        if before := strikes("timeout_before"):
            self._stopping.wait(before.seconds)
            return None
        if effect and (late := strikes("late_effect")):
            self._happen_late(call, view, late.seconds)
            return None
        answer = self._view(call, effect, view)
        if after := strikes("timeout_after"):
            self._stopping.wait(after.seconds)
            return None
        if strikes("server_error_after"):
            raise ApiError(500, "server_error", "Server Error")
        return answer

    def _view(self, call: Call, effect: bool, view: View) -> Response:
        hooks = self._faults.hooks
        before, after = (
            (hooks.before_effect, hooks.after_effect)
            if effect
            else (hooks.before_read, hooks.after_read)
        )
        if before is not None:
            before(call)
        with self._notifier.during_call():
            answer = view(call, **call.ids)
        call.changed = effect
        if after is not None:
            after(call)
        return jsonify(answer)

    def _happen_late(self, call: Call, view: View, seconds: float) -> None:
        @copy_current_request_context
        def happen() -> None:
            try:
                self._view(call, True, view)
            except (ApiError, NotThere, NotAllowed, Taken):
                # Nobody is there to be told: the conversation may be gone by now.
                return

        if seconds <= 0:
            self._faults.keep_late(happen)
            return

        def wait_and_happen() -> None:
            if not self._stopping.wait(seconds):
                happen()

        threading.Thread(target=wait_and_happen, daemon=True).start()

    def _check_token(self) -> None:
        header = request.headers.get("Authorization", "")
        scheme, _, given = header.partition(" ")
        right = any(
            secrets.compare_digest(given.strip().encode(), token.encode())
            for token in (self.token, *self.older_tokens)
        )
        if scheme.lower() != "bearer" or not right:
            raise ApiError(401, "unauthorized", "Access Token Invalid")

    def _check_version(self, call: Call) -> None:
        if call.version not in versions.KNOWN:
            call.version = self._app_version()
            message = "The requested version could not be found"
            raise ApiError(400, "intercom_version_invalid", message)

    def _count(self) -> dict[str, str]:
        now = int(self._clock())
        window = now - now % WINDOW_S
        with self._lock:
            used = self._window[1] + 1 if self._window[0] == window else 1
            self._window = (window, used)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - used)),
            "X-RateLimit-Reset": str(window + WINDOW_S),
        }
        if used > self.limit:
            raise self._too_many(headers)
        return headers

    def _too_many(self, headers: dict[str, str] | None = None) -> ApiError:
        message = f"Exceeded rate limit of {self.limit} in {WINDOW_S}_seconds"
        return ApiError(429, "rate_limit_exceeded", message, headers)


_STATUS = {NotThere: 404, NotAllowed: 400, Taken: 409}


def _error_answer(error: ApiError | NotThere | NotAllowed | Taken) -> Response:
    if isinstance(error, ApiError):
        status, headers = error.status, error.headers
    else:
        status, headers = _STATUS[type(error)], {}
    answer = jsonify(
        {
            "type": "error.list",
            "request_id": str(uuid.uuid4()),
            "errors": [{"code": error.code, "message": str(error)}],
        }
    )
    answer.status_code = status
    answer.headers.extend(headers)
    return answer


def _drop_connection() -> Response:
    """Close the client's connection without an answer, as a lost one looks."""
    connection = request.environ.get("werkzeug.socket")
    if not isinstance(connection, socket.socket):
        raise ConnectionAbortedError("the stand-in dropped this call")
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client went away first
    return Response(b"")
