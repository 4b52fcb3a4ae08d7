"""Chat sessions at rest: a run of the fold is one row, which keeps its id when its opener moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from gateway.conversations.thread import Held
from gateway.errors import Ours
from gateway.events import Position
from gateway.handover import Run
from gateway.policy import Terms
from gateway.store import new_id
from gateway.store.models import ChatSession
from gateway.store.sql import Prepared, table_of

_SESSIONS = table_of(ChatSession)
_COLUMNS = (
    _SESSIONS.c.id,
    _SESSIONS.c.opened_by,
    _SESSIONS.c.opened_at,
    _SESSIONS.c.opened_number,
    _SESSIONS.c.opened_step,
    _SESSIONS.c.status,
    _SESSIONS.c.mode,
    _SESSIONS.c.epoch,
)
_OF_CONVERSATION = _SESSIONS.c.conversation_id == bindparam("conversation")
_ALL = Prepared(lambda sql: sql.locked(select(*_COLUMNS).where(_OF_CONVERSATION)))
_ONE = Prepared(
    lambda sql: sql.locked(
        select(*_COLUMNS).where(_OF_CONVERSATION, _SESSIONS.c.opened_by == bindparam("opener"))
    )
)
_INSERT = Prepared(lambda sql: sql.insert(_SESSIONS))
_SAVE_SAID = Prepared(
    lambda sql: (
        update(_SESSIONS)
        .where(_SESSIONS.c.id == bindparam("key"))
        .values(
            message_count=_SESSIONS.c.message_count + bindparam("said", type_=BigInteger),
            last_message_at=sql.greatest(
                func.coalesce(_SESSIONS.c.last_message_at, 0), bindparam("last", type_=BigInteger)
            ),
        )
    )
)
_SAVE = Prepared(lambda _: update(_SESSIONS).where(_SESSIONS.c.id == bindparam("key")))


@dataclass(slots=True, kw_only=True)
class SessionRef:
    """A session row that this transaction holds."""

    id: str
    opened_by: str
    opened: Position
    state: str
    epoch: int
    new: bool = False


def load(db: Session, held: Held, opened_by: str | None = None) -> list[SessionRef]:
    """The conversation's sessions (or the one that `opened_by` opened), locked, in order."""
    if opened_by is None:
        rows = db.execute(_ALL.on(db), {"conversation": held.id})
    else:
        rows = db.execute(_ONE.on(db), {"conversation": held.id, "opener": opened_by})
    refs = [_ref(row) for row in rows]
    return sorted(refs, key=lambda ref: ref.opened)


def insert(db: Session, held: Held, terms: Terms, run: Run) -> SessionRef:
    """Write a session that just opened."""
    ref = SessionRef(
        id=new_id("ses"),
        opened_by=run.opened_by,
        opened=run.opened_at,
        state="none",
        epoch=0,
        new=True,
    )
    row = {
        "id": ref.id,
        "conversation_id": held.id,
        "channel": held.channel,
        "agent": terms.agent.name,
        "epoch": 0,
        "message_count": 0,
        "parameters": {},
        "results": {},
    }
    db.execute(_INSERT.on(db), {**row, **_columns(run)})
    return ref


def save_said(db: Session, ref: SessionRef, run: Run, said: int, last: int) -> None:
    """Write a run over its row, with `said` more public messages, the last of them at `last`."""
    db.execute(
        _SAVE_SAID.on(db),
        {"key": ref.id, "epoch": ref.epoch, **_columns(run), "said": said, "last": last},
    )


def save(db: Session, ref: SessionRef, run: Run, **more: Any) -> None:
    """Write a run over its row."""
    db.execute(_SAVE.on(db), {"key": ref.id, "epoch": ref.epoch, **_columns(run), **more})


def match(refs: Sequence[SessionRef], runs: Sequence[Run]) -> list[SessionRef | None]:
    """Which row each run of a conversation folded again is (None: a new one), in the runs' order.

    A run is the row that the same message opened, or whose opener now lies within it.
    """
    left = {ref.opened_by: ref for ref in refs}
    matched: list[SessionRef | None] = [left.pop(run.opened_by, None) for run in runs]
    for index, run in enumerate(runs):
        if matched[index] is not None:
            continue
        end = runs[index + 1].opened_at if index + 1 < len(runs) else None
        inside = [
            ref
            for ref in left.values()
            if ref.opened >= run.opened_at and (end is None or ref.opened < end)
        ]
        if inside:
            matched[index] = left.pop(inside[0].opened_by)
    if left:
        raise Ours("folding again left sessions over", details={"sessions": sorted(left)})
    return matched


def _ref(row: Row[*tuple[Any, ...]]) -> SessionRef:
    return SessionRef(
        id=row.id,
        opened_by=row.opened_by,
        opened=Position(row.opened_at, row.opened_number, row.opened_step),
        state=row.mode if row.status == "active" else "finished",
        epoch=row.epoch,
    )


def _columns(run: Run) -> dict[str, Any]:
    handover = run.last_handover
    return {
        "opened_by": run.opened_by,
        "opened_at": run.opened_at.at,
        "opened_number": run.opened_at.number,
        "opened_step": run.opened_at.step,
        "status": "active" if run.finished_at is None else "finished",
        "mode": run.mode,
        "responsible_kind": run.responsible.kind,
        "responsible_id": run.responsible.id,
        "responsible_name": run.responsible.name,
        "responsible_team": run.responsible.team,
        "waiting_since": run.waiting_since,
        "finished_at": run.finished_at,
        "handover": asdict(handover) if handover else None,
    }
