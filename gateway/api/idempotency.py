"""Idempotency-Key: the same call again gets the same answer and changes nothing.

The key is taken and the answer kept in the act's own transaction: nothing lies between them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from flask import Response, request
from sqlalchemy import select, update

from gateway.api.answers import Json, body_of, error_answer, json_answer
from gateway.api.parsing import Invalid
from gateway.errors import Again, Conflict, Theirs
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
    """What an act answers, and what to wake once it is committed."""

    body: Json
    status: int = 200
    owed: set[str] = field(default_factory=set)


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
    key = _key()
    if key is None:
        acted = database.write(work)
        _wake_all(acted, wake)
        return json_answer(acted.body, acted.status)
    once = _Once(operator_id, key, _digest(arguments), now)
    try:
        answer, acted_now = database.write(lambda db: once.run(db, work))
    except KeyReused:
        raise
    except Theirs as error:
        refused = Acted(body=body_of(error), status=error.status)
        answer, _ = database.write(lambda db: once.run(db, lambda _: refused))
        return answer if answer.headers.get(REPLAYED) else error_answer(error)
    if acted_now is not None:
        _wake_all(acted_now, wake)
    return answer


def act_then_keep(
    database: Database, operator_id: str, arguments: Json, now: int, work: Callable[[], Json]
) -> Response:
    """The same for work with transactions of its own, which must do no harm when it runs twice.

    Its answer is kept afterwards: a crash between the two lets the work run again.
    """
    key = _key()
    if key is None:
        return json_answer(work())
    once = _Once(operator_id, key, _digest(arguments), now)
    with database.read() as db:
        kept = once.kept(db)
    if kept is not None:
        return kept
    try:
        acted = Acted(body=work())
    except Theirs as error:
        acted = Acted(body=body_of(error), status=error.status)
    return database.write(lambda db: once.run(db, lambda _: acted))[0]


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
