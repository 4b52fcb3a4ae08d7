"""Idempotency-Key: the same call again gets the same answer and changes nothing.

The key is taken, the answer kept and the audit entry written in the act's own transaction: nothing
lies between them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Response, request
from sqlalchemy import select, update

from gateway.api import trail
from gateway.audit import Thing
from gateway.errors import Again, Conflict, Theirs
from gateway.rails.answers import Json, body_of, error_answer, json_answer
from gateway.rails.parsing import Invalid
from gateway.store import Database, Transaction
from gateway.store.models import IdempotentAnswer
from gateway.store.sql import insert_into

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class KeyReused(Conflict):
    """The key was used for another call before."""

    code = "idempotency_key_reused"
    status = 422


@dataclass(slots=True, kw_only=True)
class Acted:
    """What an act answers, and what to wake once it is committed.

    The audit entry is given what changed, `before` and `after`, and the `thing` if it is not the
    one that the door's path names first.
    """

    body: Json
    status: int = 200
    owed: set[str] = field(default_factory=set)
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    thing: Thing | None = None


def act_once(
    database: Database,
    operator_id: str,
    arguments: Json,
    now: int,
    wake: Callable[[str], object],
    work: Callable[[Transaction], Acted],
) -> Response:
    """Run `work` in one transaction, at most once per key, and answer.

    Refusals (4xx) are kept and repeated like any answer; trouble of ours (5xx) is not.
    """
    recorded = _recorded(work, now)
    key = _key()
    if key is None:
        acted = database.write(recorded)
        _wake_all(acted, wake)
        return json_answer(acted.body, acted.status)
    once = _Once(operator_id, key, _digest(arguments), now)
    try:
        answer, acted_now = database.write(lambda db: once.run(db, recorded))
    except KeyReused:
        raise
    except Theirs as error:
        refused = error
        answer, _ = database.write(lambda db: once.run(db, lambda db: _refused(db, refused, now)))
        return answer if answer.headers.get(REPLAYED) else error_answer(error)
    if acted_now is not None:
        _wake_all(acted_now, wake)
    return answer


def act_then_keep(
    database: Database, operator_id: str, arguments: Json, now: int, work: Callable[[], Json]
) -> Response:
    """The same for work with transactions of its own, which must do no harm when it runs twice.

    Its answer is kept afterwards: a crash between the two lets the work run again. The audit has
    an entry from before it begins, and one of what it came to.
    """
    key = _key()
    once = _Once(operator_id, key, _digest(arguments), now) if key is not None else None
    if once is not None:
        with database.read() as db:
            kept = once.kept(db)
        if kept is not None:
            return kept
    database.write(lambda db: trail.begun(db, now))
    try:
        acted = Acted(body=work())
    except Theirs as error:
        refused = error
        if once is None:
            raise  # the room writes the entry
        return database.write(lambda db: once.run(db, lambda db: _refused(db, refused, now)))[0]
    recorded = _recorded(lambda _: acted, now)
    if once is None:
        database.write(recorded)
        return json_answer(acted.body)
    return database.write(lambda db: once.run(db, recorded))[0]


def _recorded(work: Callable[[Transaction], Acted], now: int) -> Callable[[Transaction], Acted]:
    """`work`, with its audit entry."""

    def recorded(db: Transaction) -> Acted:
        acted = work(db)
        trail.done(db, now=now, before=acted.before, after=acted.after, thing=acted.thing)
        return acted

    return recorded


def _refused(db: Transaction, error: Theirs, now: int) -> Acted:
    """A refusal as an answer to keep, with its audit entry."""
    trail.refused(db, error, now)
    return Acted(body=body_of(error), status=error.status)


class _Once:
    def __init__(self, operator_id: str, key: str, digest: str, now: int) -> None:
        self._operator_id, self._key, self._digest, self._now = operator_id, key, digest, now
        self._mine = (IdempotentAnswer.operator_id == operator_id, IdempotentAnswer.key == key)

    def run(
        self, db: Transaction, work: Callable[[Transaction], Acted]
    ) -> tuple[Response, Acted | None]:
        """Take the key, then act; or give the answer that was given before."""
        taken = db.scalar(
            # Another call with this key that has not committed yet is waited for here.
            insert_into(db, IdempotentAnswer)
            .values(
                operator_id=self._operator_id,
                key=self._key,
                request=self._digest,
                status=0,
                body="",
                created_at=self._now,
            )
            .on_conflict_do_nothing()
            .returning(IdempotentAnswer.key)
        )
        if taken is None:
            kept = self.kept(db)
            if kept is None:
                raise Again("another call with this Idempotency-Key has just ended; try again")
            return kept, None
        acted = work(db)
        body = msgspec.json.encode(acted.body).decode()
        db.execute(
            update(IdempotentAnswer).where(*self._mine).values(status=acted.status, body=body)
        )
        return json_answer(body, acted.status), acted

    def kept(self, db: Transaction) -> Response | None:
        """The answer given before; raises KeyReused if that was to another call."""
        kept = db.execute(
            select(IdempotentAnswer.request, IdempotentAnswer.status, IdempotentAnswer.body).where(
                *self._mine
            )
        ).one_or_none()
        if kept is None:
            return None
        if kept.request != self._digest:
            raise KeyReused("this Idempotency-Key was used for another call before; take a new one")
        answer = json_answer(kept.body, kept.status)
        answer.headers[REPLAYED] = "true"
        trail.repeated()
        return answer


def _key() -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        problem = "1 to 255 visible ASCII characters."
        raise Invalid(f"{HEADER}: {problem}", details={"fields": {HEADER: [problem]}})
    return key


def _digest(arguments: Json) -> str:
    said = msgspec.json.encode([request.method, request.path, arguments], order="deterministic")
    return hashlib.sha256(said).hexdigest()


def _wake_all(acted: Acted, wake: Callable[[str], object]) -> None:
    for kind in sorted(acted.owed):
        wake(kind)
