"""Applying facts: keep, fold, write what people read, and let the consequences follow.

`apply` is the only way in for anything that happened, whoever reports it: a delivery, a read of the
channel, a receipt for what we sent, or a person at our doors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.conversations import facts as kept
from gateway.conversations import history, pushes, runs, stretches, turns
from gateway.conversations.consequences import Change, follow
from gateway.conversations.forgetting import without_words
from gateway.conversations.runs import SessionRef
from gateway.conversations.thread import Held, write_thread
from gateway.events import Fact, MessageReceived, NoteAdded, Position
from gateway.handover import Marker, Run, Thread, fold, is_idle, is_neutral, place
from gateway.handover import apply as step
from gateway.policy import Terms
from gateway.store import Transaction

Source = Literal["delivery", "read", "act", "receipt", "history"]


@dataclass(slots=True, kw_only=True)
class Report:
    """What is reported of one locked conversation, to be applied at once.

    `whose`: the contact whose conversation it is, by the id of the fact that was told with it.
    `ours`: facts that turned out to be words of ours, which are in the history already.
    `awaited`: before an import, an answer of the AI's was under way.
    """

    terms: Terms
    held: Held
    facts: Sequence[Fact]
    now: int
    source: Source
    whose: Mapping[str, str] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    awaited: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What applying facts came to: kinds of work now owed, and whether anything was new.

    `learned` are the facts that were new. `found_late`: a customer waits for an answer to a word
    too old for the AI.
    """

    owed: set[str] = field(default_factory=set)
    changed: bool = False
    learned: Sequence[Fact] = ()
    found_late: bool = False
    session: SessionRef | None = None
    run: Run | None = None


def apply(
    db: Transaction,
    terms: Terms,
    held: Held,
    reported: Sequence[Fact],
    *,
    now: int,
    source: Source,
) -> Outcome:
    """Apply `reported` to the locked conversation; facts known already change nothing."""
    report = Report(terms=terms, held=held, facts=reported, now=now, source=source)
    return apply_all(db, [report])[0]


def apply_all(db: Transaction, reports: Sequence[Report]) -> list[Outcome]:
    """Apply one report of each of several conversations: what must be looked up, is so together."""
    for report in reports:
        report.facts = [fact for fact in report.facts if not is_idle(fact, report.held.thread)]
    with db.in_one_trip():
        known = kept.ask_known(db, [(report.held.id, report.facts) for report in reports])
        unsettled = pushes.ask_unsettled(db, [one.held.id for one in reports if _may_echo(one)])
        current = runs.ask_current(db, [report.held for report in reports])
    names, waiting, sessions = known(), unsettled(), current()
    outcomes = []
    for report in reports:
        held = report.held
        fresh = kept.unknown(held.id, report.facts, names)
        if held.id in waiting:  # an echo often comes before the call that made it returns
            fresh = pushes.bind(db, held, fresh, waiting[held.id], report.now, report.ours)
        if held.forgotten_at is not None:
            fresh = _without_forgotten(report, held.forgotten_at, fresh)
        kept.keep(db, held.id, fresh)
        fresh.sort(key=place)
        outcomes.append(_apply(db, report, fresh, sessions.get(held.id)))
    return outcomes


def _without_forgotten(report: Report, before: int, fresh: Sequence[Fact]) -> list[Fact]:
    """What comes late from a time that was forgotten has no words, and nobody is asked for any."""
    late = [fact.at.at < before for fact in fresh]
    if fresh and all(late) and report.source in ("delivery", "read"):
        report.source = "history"
    return [
        without_words(fact) if is_late else fact for fact, is_late in zip(fresh, late, strict=True)
    ]


def _may_echo(report: Report) -> bool:
    return report.source in ("delivery", "read") and any(map(pushes.may_be_ours, report.facts))


def _apply(
    db: Transaction, report: Report, fresh: Sequence[Fact], current: SessionRef | None
) -> Outcome:
    outcome = Outcome()
    thread = report.held.thread
    relearned = _relearn(db, report, fresh) if report.source == "receipt" else False
    if not fresh and not relearned:
        return outcome
    outcome.changed = True
    outcome.learned = fresh
    if report.source == "history" and thread.run is not None:
        report.awaited = turns.is_awaited(db, report.held.id)
    late = [fact for fact in fresh if place(fact) < thread.newest]
    if relearned or not all(is_neutral(fact, thread) for fact in late):
        _apply_again(db, report, fresh, outcome)
    else:
        _apply_newest(db, report, fresh, current, outcome)
    return outcome


def _apply_newest(
    db: Transaction,
    report: Report,
    fresh: Sequence[Fact],
    current: SessionRef | None,
    outcome: Outcome,
) -> None:
    """The common case: everything new comes after everything known."""
    held, terms, now = report.held, report.terms, report.now
    before = thread = held.thread
    rows: dict[str, SessionRef] = {current.opened_by: current} if current else {}
    words: list[tuple[MessageReceived | NoteAdded, str | None]] = []
    markers: list[tuple[Marker, str | None]] = []
    seen: dict[str, Run] = {}
    spoke: dict[str, Position] = {}
    passed: dict[str, set[str]] = {}
    for fact in fresh:
        if place(fact) < before.newest:
            if isinstance(fact, MessageReceived | NoteAdded):
                words.append((fact, history.session_at(db, held, fact.at)))
            continue
        done = step(thread, fact, terms.channel.policy)
        thread = done.thread
        run = thread.run
        session_id = None
        if run is not None:
            if run.opened_by not in rows:
                rows[run.opened_by] = runs.opened(run)
            seen[run.opened_by] = run
            passed.setdefault(run.opened_by, set()).add(run.state)
            session_id = rows[run.opened_by].id
            if isinstance(fact, MessageReceived) and fact.author.kind == "customer":
                spoke[run.opened_by] = fact.at
        markers += ((marker, session_id) for marker in done.markers)
        if isinstance(fact, MessageReceived | NoteAdded):
            words.append((fact, session_id))
    first = next(iter(seen.values())) if seen and before.run is None else None
    early = False
    if first is not None:  # what was said before the first session opened belongs to it
        opened = rows[first.opened_by]
        if before != Thread():
            runs.write(db, held, terms, opened, first)
            early = history.adopt_early(db, held, opened.id)
        words = [(fact, session_id or opened.id) for fact, session_id in words]
        markers = [(marker, session_id or opened.id) for marker, session_id in markers]
    written = history.write_words(db, held, words, now)
    history.write_markers(db, held, markers, now)
    write_thread(db, held, thread, whose=_whose(report, fresh))
    said: dict[str | None, list[int]] = {}
    for fact, session_id in words:
        if isinstance(fact, MessageReceived):
            said.setdefault(session_id, []).append(fact.at.at)
    for key, run in seen.items():
        change = Change(
            ref=rows[key],
            before=before.run if before.run and before.run.opened_by == key else None,
            after=run,
            spoke_at=spoke.get(key),
            latest=run is thread.run,
            # Taken over and given back at once: an answer thought out before is for another state.
            moved=not rows[key].new and not passed[key] <= {rows[key].state, run.state},
            markers=[marker for marker, session_id in markers if session_id == rows[key].id],
            asleep=current is None or current.asleep,
            awaited=report.awaited,
        )
        follow(db, terms, held, change, now=now, source=report.source, owed=outcome.owed)
        outcome.found_late |= change.found_late
        times = said.pop(rows[key].id, [])
        if times or change.before != run:
            runs.write(db, held, terms, rows[key], run, len(times), max(times, default=None))
        before_run = change.before.stretches if change.before else ()
        if run.stretches != before_run:
            stretches.keep(db, rows[key].id, before_run, run.stretches)
    history.tell_words(db, written, _untold(report))
    # Words that came late into an earlier session, or had come before the first one opened.
    adopting = rows[first.opened_by].id if first and early else None
    for session_id in {*said, adopting} - {None}:
        if session_id is not None:
            history.count_again(db, session_id)
    if thread.run is not None:
        outcome.session, outcome.run = rows.get(thread.run.opened_by), thread.run


def _apply_again(db: Transaction, report: Report, fresh: Sequence[Fact], outcome: Outcome) -> None:
    """Something happened earlier than what is known: fold the conversation from its beginning."""
    held, terms, now = report.held, report.terms, report.now
    before = held.thread
    story = fold(kept.load(db, held.id), terms.channel.policy)
    told = list(story.runs.values())
    refs = runs.load(db, held)
    matched = runs.match(refs, told)
    asleep = not refs or refs[-1].asleep
    old_current = before.run.opened_by if before.run else None
    rows: list[SessionRef] = []
    changes: list[Change] = []
    # Finished ones first: at no moment may two sessions of a conversation be active.
    for index, run in enumerate(told):
        ref = matched[index]
        if ref is not None:
            was = before.run if ref.opened_by == old_current else None
            moved = ref.opened_by != run.opened_by or ref.state != run.state
            ref.opened_by, ref.opened = run.opened_by, run.opened_at
        else:
            was, moved = None, False
            ref = runs.opened(run)
        runs.write(db, held, terms, ref, run)
        rows.append(ref)
        changes.append(
            Change(
                ref=ref,
                before=was,
                after=run,
                spoke_at=_customer_spoke(fresh, told, index),
                latest=index == len(told) - 1,
                moved=moved,
                markers=[marker for key, marker in story.markers if key == run.opened_by],
                asleep=asleep,
                awaited=report.awaited,
            )
        )
    unplaced = [(fact, None) for fact in fresh if isinstance(fact, MessageReceived | NoteAdded)]
    written = history.write_words(db, held, unplaced, now)
    ids = {run.opened_by: ref.id for run, ref in zip(told, rows, strict=True)}
    marked = [(marker, ids.get(key) if key else None) for key, marker in story.markers]
    history.replace_markers(db, held, marked, now)
    if rows:
        history.rehome(db, held, [(ref.id, ref.opened) for ref in rows])
    write_thread(db, held, story.thread, whose=_whose(report, fresh))
    counts = history.count(db, [ref.id for ref in rows])
    for change in changes:
        follow(db, terms, held, change, now=now, source=report.source, owed=outcome.owed)
        outcome.found_late |= change.found_late
        _save(db, terms, change.ref, change.after, counts)
    history.tell_words(db, written, _untold(report))
    if changes:
        outcome.session, outcome.run = changes[-1].ref, changes[-1].after


def _untold(report: Report) -> Collection[str] | None:
    """Facts whose words nobody is told of: our own come back, and imports never speak (None)."""
    if report.source == "history":
        return None
    if report.source in ("receipt", "act"):  # ours were told when they were written
        return {fact.id for fact in report.facts}
    return report.ours


def _whose(report: Report, fresh: Sequence[Fact]) -> tuple[str, int] | None:
    """Whose conversation it is by the newest of these facts that says so, and as of when."""
    named = [fact for fact in fresh if fact.id in report.whose]
    newest = max(named, key=place, default=None)
    return None if newest is None else (report.whose[newest.id], newest.at.at)


def _save(
    db: Transaction,
    terms: Terms,
    ref: SessionRef,
    run: Run,
    counts: dict[str, tuple[int, int | None]],
) -> None:
    if ref.id in counts:
        number, last = counts[ref.id]
        runs.save(db, terms, ref, run, message_count=number, last_message_at=last)
    else:
        runs.save(db, terms, ref, run)
    stretches.keep_again(db, ref.id, run.stretches)


def _customer_spoke(fresh: Sequence[Fact], told: Sequence[Run], index: int) -> Position | None:
    """When the customer spoke last in a session, of what is new."""
    start = told[index].opened_at
    end = told[index + 1].opened_at if index + 1 < len(told) else None
    words = (
        fact.at
        for fact in fresh
        if isinstance(fact, MessageReceived)
        and fact.author.kind == "customer"
        and (fact.at >= start or index == 0)
        and (end is None or fact.at < end)
    )
    return max(words, default=None)


def _relearn(db: Transaction, report: Report, fresh: Sequence[Fact]) -> bool:
    """A receipt for what an echo had told without us knowing it as ours: now it is."""
    known = [fact for fact in report.facts if fact not in fresh]
    for fact in known:
        kept.rewrite(db, report.held.id, fact)
    return bool(known)
