"""The floor: what any receiver must do that keeps what it acknowledges, and nothing else.

Same server, same signature check, one durable insert of the body, 200. `lean` is plain WSGI and a
statement that commits itself; `ordinary` is Flask and `engine.begin()`, as most would write it;
`nothing` answers without doing anything, which is what the server alone can do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    event,
    insert,
    make_url,
)

from bench.traffic import CLIENT_SECRET, PATH
from gateway.channels.intercom.signature import verify_notification
from gateway.errors import NotAuthentic
from gateway.store.database import PATIENCE_S, engine_url
from gateway.store.turnstile import Turnstile

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DATABASE = "BENCH_FLOOR_DATABASE_URL"

_SECRETS = (CLIENT_SECRET,)
_KEPT = b'{"status": "kept"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_KEPT)))]

Keep = Callable[[bytes], None]

metadata = MetaData()
TABLE = Table(
    "bench_floor",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)


def open_engine(url: str, **options: Any) -> Engine:
    """Return an engine with the gateway's pool; SQLite as the gateway has it (WAL, FULL)."""
    engine = create_engine(engine_url(url), pool_size=10, max_overflow=10, **options)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _lean_keeper(url: str) -> Keep:
    """Return what keeps a body in one statement: neither BEGIN nor COMMIT travels."""
    engine, statement = open_engine(url, isolation_level="AUTOCOMMIT"), insert(TABLE)

    def keep(body: bytes) -> None:
        with engine.connect() as connection:
            connection.execute(statement, {"body": body, "received_at": time.time_ns() // 1000})

    return _in_turn(url, keep)


def _ordinary_keeper(url: str) -> Keep:
    """Return what keeps a body in a transaction."""
    engine = open_engine(url)

    def keep(body: bytes) -> None:
        with engine.begin() as connection:
            row = {"body": body, "received_at": time.time_ns() // 1000}
            connection.execute(insert(TABLE), row)

    return _in_turn(url, keep)


def _in_turn(url: str, keep: Keep) -> Keep:
    """On SQLite, pass the same turnstile as the gateway's writers."""
    if not url.startswith("sqlite"):
        return keep
    turnstile = Turnstile(os.path.abspath(make_url(url).database or "") + ".lock", PATIENCE_S)

    def keep_in_turn(body: bytes) -> None:
        with turnstile.passing():
            keep(body)

    return keep_in_turn


class Lean:
    """The floor as plain WSGI."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one notification."""
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "POST":
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        signature = environ.get("HTTP_X_HUB_SIGNATURE", "")
        try:
            verify_notification({"X-Hub-Signature": signature}, body, _SECRETS)
        except NotAuthentic:
            start_response("401 Unauthorized", [("Content-Length", "0")])
            return [b""]
        self._keep(body)
        start_response("200 OK", _HEADERS)
        return [_KEPT]


def lean() -> Lean:
    """Return the floor that costs least, for gunicorn (`bench.floor:lean()`)."""
    return Lean(_lean_keeper(os.environ[DATABASE]))


def ordinary() -> Flask:
    """Return the floor as most would write it."""
    app = Flask("bench_floor", static_folder=None)
    keep = _ordinary_keeper(os.environ[DATABASE])

    @app.post(PATH)
    def webhook() -> Response:
        body = request.get_data(cache=False)
        try:
            verify_notification(dict(request.headers), body, _SECRETS)
        except NotAuthentic:
            return Response(status=401)
        keep(body)
        return Response(_KEPT, content_type="application/json")

    return app


def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the body and answer: what the server alone can do."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", _HEADERS)
    return [_KEPT]
