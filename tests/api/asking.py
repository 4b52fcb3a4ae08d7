"""schemathesis over the API: asks whatever the document allows, and much that it does not.

Its engine runs as its own command would: the examples, each field's boundaries (`coverage`), then
chance (`fuzzing`), with every check that it has. What JSON Schema cannot say is put right before
each call: a cursor is one of that very list, an ETag that of the thing as it is, an id is mostly
one of something that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation import GenerationMode
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.specs.openapi.formats import unregister_string_format
from schemathesis.transport.wsgi import WSGI_TRANSPORT
from sqlalchemy import delete

from gateway.store.models import IdempotentAnswer
from tests.api.house import House

DOCUMENT = "/api/v1/openapi.json"
_OF_A_NETWORK = ("max_redirects", "verify", "cert", "proxies")
# What a pattern cannot say either.
FORMATS = {
    "picture": ("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "iVBORw0KGgo="),
    "message": ("Let me look", "**Today**, I think"),  # blank only with files
    "working-hours": ("always", "never", "Mon-Fri 09:00-17:00", "Sat 22:00-06:00, Sun 08:00-09:30"),
}
_ID = re.compile(r"([a-z]{3})_[0-9a-z]{26}")


@dataclass(slots=True)
class Found:
    """What was asked, and what was wrong with the answers."""

    checks: int = 0
    calls: int = 0
    statuses: dict[str, set[int]] = field(default_factory=dict)
    failures: dict[tuple[str, str, str], str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{key[1]}: {key[0]}: {key[2]}\n{told}" for key, told in self.failures.items()]
        return "\n\n".join([*lines, *self.errors]) or "nothing"


class Asking:
    """Asks one house as one of its operators."""

    def __init__(self, house: House, role: str, known: dict[str, list[str]]) -> None:
        """`known` are ids of things that are there, by the letters that they begin with."""
        self._house = house
        self._token = house.tokens[role]
        self._role = role
        self._known = known
        self._number = 0

    def run(
        self, *, examples: int, phases: tuple[str, ...], seed: int = 1, fixed: bool = True
    ) -> Found:
        """Ask; `examples` by chance for each door."""
        config = schemathesis.Config.from_dict(
            {
                "seed": seed,
                "headers": {"Authorization": f"Bearer {self._token}"},
                "continue-on-failure": True,
                "generation": {
                    "deterministic": fixed,
                    "database": "none",
                    "max-examples": examples,
                    "no-shrink": fixed,
                },
                # There are no links between doors, which `stateful` would follow.
                "phases": {
                    "stateful": {"enabled": False},
                    **{
                        name: {"enabled": name in phases}
                        for name in ("examples", "coverage", "fuzzing")
                    },
                },
                "checks": {
                    "enabled": True,
                    # A form may have more parts, or longer ones, than we take: no schema says so.
                    "positive_data_acceptance": {
                        "expected-statuses": [
                            "2xx",
                            "3xx",
                            401,
                            403,
                            404,
                            409,
                            413,
                            429,
                            "5xx",
                        ]
                    },
                    # Without If-Match: RFC 6585.
                    "missing_required_header": {
                        "expected-statuses": [400, 401, 403, 406, 415, 422, 428]
                    },
                },
            }
        )
        found = Found()
        with self._put_right():
            schema = schemathesis.openapi.from_wsgi(DOCUMENT, self._house.app, config=config)
            _strict(schema.raw_schema)
            for event in from_schema(schema).execute():
                _gather(event, found)
        return found

    @contextmanager
    def _put_right(self) -> Iterator[None]:
        def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
            if "Idempotency-Key" in (case.headers or {}):
                self._house.database.write(lambda db: db.execute(delete(IdempotentAnswer)))
            if _as_described(case, ParameterLocation.PATH):
                case.path_parameters.update(self._real(case.path_parameters))
            if "If-Match" in (case.headers or {}) and _as_described(case, ParameterLocation.HEADER):
                case.headers["If-Match"] = self._etag(case)
            if "cursor" in (case.query or {}) and _as_described(case, ParameterLocation.QUERY):
                del case.query["cursor"]
                cursor = self._cursor(case)
                if cursor is not None:
                    case.query["cursor"] = cursor

        schemathesis.hook(before_call)
        for name, values in FORMATS.items():
            schemathesis.openapi.format(name, st.sampled_from(values))
        # schemathesis 4.32.5 tries a call without its token with settings of a network, which an
        # application does not take (`send_probe` leaves out the session that would drop them).
        send = WSGI_TRANSPORT.send

        def send_to_application(case: Any, **kwargs: Any) -> Any:
            return send(case, **{k: v for k, v in kwargs.items() if k not in _OF_A_NETWORK})

        WSGI_TRANSPORT.send = send_to_application  # type: ignore[method-assign]
        app: Any = self._house.app
        wsgi_app, app.wsgi_app = app.wsgi_app, _short_streams(app.wsgi_app)
        try:
            yield
        finally:
            app.wsgi_app = wsgi_app
            del WSGI_TRANSPORT.send
            for name in FORMATS:
                unregister_string_format(name)
            GLOBAL_HOOK_DISPATCHER.unregister_all()

    def _real(self, named: dict[str, Any]) -> dict[str, Any]:
        """Ids of things that are there, for three of four that are not."""
        real = {}
        for name, value in named.items():
            matched = _ID.fullmatch(value) if isinstance(value, str) else None
            several = self._known.get(matched[1] if matched else name, [])
            self._number += 1
            if several and self._number % 4:
                real[name] = several[self._number % len(several)]
        return real

    def _etag(self, case: Any) -> str:
        path = case.formatted_path.removeprefix("/api/v1")
        return str(self._house.get(path, role=self._role).headers.get("ETag", "*"))

    def _cursor(self, case: Any) -> str | None:
        path = case.formatted_path.removeprefix("/api/v1")
        answer = self._house.get(f"{path}?limit=1", role=self._role)
        cursor: str | None = (answer.json or {}).get("next_cursor")
        return cursor


def _short_streams(application: Any) -> Any:
    """An application whose event streams end where they begin: else each is waited for."""

    def short(environ: Any, start_response: Any) -> Any:
        streams: list[bool] = []

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            streams.append(dict(headers).get("Content-Type", "").startswith("text/event-stream"))
            return start_response(status, headers, exc_info)

        body = application(environ, start)
        if not streams or not streams[-1]:
            return body
        try:
            return [next(iter(body))]
        finally:
            body.close()

    return short


def _as_described(case: Any, location: ParameterLocation) -> bool:
    component = case.meta.components.get(location) if case.meta else None
    return component is None or component.mode is GenerationMode.POSITIVE


def _strict(document: Any) -> None:
    """Let answers hold nothing that the document does not tell."""
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)


def _gather(event: Any, found: Found) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        what = getattr(event, "value", None) or getattr(event, "exception", None)
        found.errors.append(f"{getattr(event, 'label', '')}: {what!r}")
    if not isinstance(event, events.ScenarioFinished):
        return
    for interaction in event.recorder.interactions.values():
        found.calls += 1
        if interaction.response is not None:
            statuses = found.statuses.setdefault(str(event.label), set())
            statuses.add(interaction.response.status_code)
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            found.checks += 1
            if check.failure_info is not None:
                failure = check.failure_info.failure
                key = (check.name, str(event.label), failure.title)
                interaction = event.recorder.interactions.get(case_id)
                found.failures.setdefault(key, f"{failure.message}\n{_told(interaction)}")


def _told(interaction: Any) -> str:
    if interaction is None:
        return ""
    asked, answer = interaction.request, interaction.response
    headers = {
        name: value
        for name, value in asked.headers.items()
        if name in ("Idempotency-Key", "If-Match", "If-None-Match", "Content-Type")
    }
    told = f"{asked.method} {asked.uri[:300]} {headers} {(asked.body or b'')[:300]!r}"
    return told + (f"\n→ {answer.status_code} {answer.content[:300]!r}" if answer else "")
