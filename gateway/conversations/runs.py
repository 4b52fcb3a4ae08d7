"""Chat sessions at rest: a run of the fold is one row, which keeps its id when its opener moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select, update

from gateway.conversations.thread import Held
from gateway.errors import Ours
from gateway.events import Position
from gateway.handover import Run, Wait
from gateway.policy import Terms
from gateway.store import Transaction, new_id
from gateway.store.models import ChatSession
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of

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
    _SESSIONS.c.asleep,
    _SESSIONS.c.counts_from,
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
    """A session row that this transaction holds. `new`: opened by it. `written`: the row exists.

    `asleep`: it was imported, and nothing has happened in it since; what is counted in it counts
    from `counts_from` (µs) at the earliest.
    """

    id: str
    opened_by: str
    opened: Position
    state: str
    epoch: int
    new: bool = False
    written: bool = True
    asleep: bool = False
    counts_from: int | None = None


def load(db: Transaction, held: Held, opened_by: str | None = None) -> list[SessionRef]:
    """The conversation's sessions (or the one that `opened_by` opened), locked, in order."""
    if opened_by is None:
        rows = _ALL.run(db, {"conversation": held.id})
    else:
        rows = _ONE.run(db, {"conversation": held.id, "opener": opened_by})
    return sorted((_ref(row) for row in rows), key=lambda ref: ref.opened)


def ask_current(db: Transaction, several: Sequence[Held]) -> Callable[[], dict[str, SessionRef]]:
    """Lock and ask for the latest session of each conversation that has one, by conversation."""
    named = [
        {"conversation": held.id, "opener": held.thread.run.opened_by}
        for held in several
        if held.thread.run is not None
    ]
    found = _ONE.ask(db, named)
    return lambda: {
        one["conversation"]: _ref(row)
        for one, rows in zip(named, found(), strict=True)
        for row in rows
    }


def opened(run: Run) -> SessionRef:
    """A session that just opened; its row is still to be written."""
    return SessionRef(
        id=new_id("ses"),
        opened_by=run.opened_by,
        opened=run.opened_at,
        state="none",
        epoch=0,
        new=True,
        written=False,
    )


def write(
    db: Transaction,
    held: Held,
    terms: Terms,
    ref: SessionRef,
    run: Run,
    said: int = 0,
    last: int | None = None,
) -> None:
    """Write a run over its row, with `said` more public messages, the last of them at `last`."""
    if not ref.written:
        row = {
            "id": ref.id,
            "conversation_id": held.id,
            "channel": held.channel,
            "agent": terms.agent.name,
            "message_count": said,
            "last_message_at": last,
            "parameters": {},
            "results": {},
        }
        _INSERT.later(db, {**row, **_columns(terms, ref, run)})
        ref.written = True
    elif said:
        _SAVE_SAID.later(
            db, {"key": ref.id, **_columns(terms, ref, run), "said": said, "last": last}
        )
    else:
        save(db, terms, ref, run)


def save(db: Transaction, terms: Terms, ref: SessionRef, run: Run, **more: Any) -> None:
    """Write a run over its row."""
    _SAVE.later(db, {"key": ref.id, **_columns(terms, ref, run), **more})


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


def due(terms: Terms, wait: Wait, counts_from: int | None) -> int:
    """When something is to be done about a wait (µs)."""
    since = max(wait.since, counts_from or 0)
    return since + int(terms.rung(wait.step, wait.rung).after_s * 1e6)


def _ref(row: Any) -> SessionRef:
    return SessionRef(
        id=row.id,
        opened_by=row.opened_by,
        opened=Position(row.opened_at, row.opened_number, row.opened_step),
        state=row.mode if row.status == "active" else "finished",
        epoch=row.epoch,
        asleep=row.asleep,
        counts_from=row.counts_from,
    )


def _columns(terms: Terms, ref: SessionRef, run: Run) -> dict[str, Any]:
    handover, wait = run.last_handover, None if ref.asleep else run.wait
    return {
        "epoch": ref.epoch,
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
        "asleep": ref.asleep,
        "counts_from": ref.counts_from,
        "waiting_since": None if ref.asleep else run.waiting_since,
        "wait_step": wait.step if wait else None,
        "wait_since": wait.since if wait else None,
        "wait_rung": wait.rung if wait else None,
        "wait_due": due(terms, wait, ref.counts_from) if wait else None,
        "widened": run.widened,
        "finished_at": run.finished_at,
        "handover": asdict(handover) if handover else None,
    }
