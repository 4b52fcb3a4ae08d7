"""What has become of it all: the record against the channel, and both against what was promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from bench.agent import MARK
from bench.chaos.faults import Clock, Struck
from bench.chaos.load import Thread
from bench.servers import Ground
from bench.stage import Talk
from intercom_standin.bodies import text_of_html
from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.records import Part
from intercom_standin.server import StandIn

_BOT = str(BOT_ADMIN_ID)
_INBOX = "SELECT dedup FROM inbox"
_MESSAGES = """
SELECT c.external_id, m.external_id, m.text FROM messages m
JOIN conversations c ON c.id = m.conversation_id
WHERE m.kind = 'message' AND m.state IN ('received', 'sent')
ORDER BY c.external_id, m.at, m.number, m.step, m.id
"""
_PUSHES = """
SELECT c.external_id, p.external_id, p.begun_at, p.overlapped, p.state, p.role FROM pushes p
JOIN conversations c ON c.id = p.conversation_id ORDER BY p.id
"""
_MODES = """
SELECT c.external_id, s.mode, s.handover FROM chat_sessions s
JOIN conversations c ON c.id = s.conversation_id WHERE s.status = 'active'
"""


class Verdict:
    """Counts, and what is wrong."""

    def __init__(self) -> None:
        self.numbers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def expect(self, holds: object, what: str) -> None:
        """Note what is wrong."""
        if not holds:
            self.wrong.append(what)


def judge(
    place: Ground, standin: StandIn, talk: Talk, threads: Sequence[Thread], clock: Clock
) -> Verdict:
    """Compare the record, the channel, and what was answered 200."""
    verdict = Verdict()
    with place.database.read() as db:
        kept = set(db.scalars(text(_INBOX)))
        messages, pushes = defaultdict(list), defaultdict(list)
        for conversation, *row in db.execute(text(_MESSAGES)):
            messages[conversation].append(row)
        for conversation, *row in db.execute(text(_PUSHES)):
            pushes[conversation].append(row)
        modes = {row[0]: (row[1], str(row[2])) for row in db.execute(text(_MODES))}
    log = standin.notifier.log
    acknowledged = {one.notification_id for one in log if one.ok}
    verdict.numbers["acknowledged"] = len(acknowledged)
    verdict.numbers["recorded"] = len(acknowledged & kept)
    verdict.expect(acknowledged <= kept, "something was answered 200 and is not recorded")
    verdict.numbers["given up by the channel"] = len(standin.notifier.dropped)
    told: dict[str, float] = {}
    for one in log:
        if one.ok and one.part_id is not None:
            told.setdefault(one.part_id, clock.told(one.at))
    answers = talk.answers()
    for thread in threads:
        parts = standin.world.conversations[thread.id].parts
        _agrees(verdict, thread, parts, messages[thread.id], standin)
        _said_once(verdict, thread, parts, pushes[thread.id])
        _silent(verdict, thread, parts, pushes[thread.id], told)
        _answered(verdict, thread, answers, modes.get(thread.id))
    for conversation, rows in pushes.items():
        for row in rows:
            verdict.numbers[f"pushes {row[3]}"] += 1
            verdict.expect(
                row[3] in ("sent", "cancelled", "failed"), f"{conversation}: a push is {row[3]}"
            )
    return verdict


def recovery(talk: Talk, struck: Struck) -> tuple[int, int, float]:
    """Of those who wrote while a fault lasted: how many, how many were answered, and how long after
    its end the last of them was."""
    written = [mark for mark, at in talk.meant.items() if struck.began <= at <= struck.ended]
    first: dict[str, float] = {}
    for at, marks in talk.replies:
        for mark in marks:
            first.setdefault(mark, at)
    answered = [first[mark] for mark in written if mark in first]
    return len(written), len(answered), max([*answered, struck.ended]) - struck.ended


def _agrees(
    verdict: Verdict, thread: Thread, parts: Sequence[Part], ours: list[Any], standin: StandIn
) -> None:
    theirs = [text_of_html(standin.world.conversations[thread.id].body)]
    theirs += [text_of_html(one.body) for one in parts if one.body and one.part_type != "note"]
    said = [row[1] for row in ours]
    lost = Counter(theirs) - Counter(said)
    verdict.numbers["lost"] += lost.total()
    verdict.expect(not lost, f"{thread.id} ({thread.story}): lost {sorted(lost)}")
    extra = Counter(said) - Counter(theirs)
    verdict.expect(not extra, f"{thread.id} ({thread.story}): only in the record {sorted(extra)}")
    if not lost and not extra and said != theirs:
        verdict.numbers["out of order"] += 1
        verdict.wrong.append(f"{thread.id}: the record's order is {said}, not {theirs}")


def _of_bot(parts: Sequence[Part]) -> list[Part]:
    return [one for one in parts if one.author.id == _BOT and one.body and one.part_type != "note"]


def _said_once(
    verdict: Verdict, thread: Thread, parts: Sequence[Part], pushes: Sequence[Any]
) -> None:
    sent = [row[0] for row in pushes if row[3] == "sent"]
    ours = _of_bot(parts)
    marks = [mark for one in ours for mark in MARK.findall(one.body or "")]
    doubled = [one.id for one in ours if one.id not in sent]
    doubled += [mark for mark, times in Counter(marks).items() if times > 1]
    verdict.numbers["doubled"] += len(doubled)
    verdict.expect(not doubled, f"{thread.id} ({thread.story}): doubled {doubled}")
    order = [one.id for one in ours if one.id in sent]
    if order != [id for id in sent if id in order]:
        verdict.numbers["out of order"] += 1
        verdict.wrong.append(f"{thread.id} ({thread.story}): said in the order {order}")
    # The channel told of a message after it had told of a later one: so it is answered later.
    verdict.numbers["told of late"] += marks != sorted(marks)


def _silent(
    verdict: Verdict,
    thread: Thread,
    parts: Sequence[Part],
    pushes: Sequence[Any],
    told: dict[str, float],
) -> None:
    """After a takeover was answered 200, nothing begins before the hand-back."""
    begun = {row[0]: (row[1], row[2]) for row in pushes if row[0]}
    takeover: Part | None = None
    for part in parts:
        if part.assigned_to is not None:
            person = part.assigned_to.type == "admin" and part.assigned_to.id != _BOT
            takeover = part if person else None
        elif takeover is not None and part.author.id == _BOT and part.body:
            verdict.numbers["landed after a takeover"] += 1
            known = told.get(takeover.id)
            at, overlapped = begun.get(part.id, (0, False))
            verdict.numbers["of these overlapped"] += bool(overlapped)
            if known is not None and at > known * 1e6:
                verdict.numbers["begun after a takeover"] += 1
                verdict.wrong.append(
                    f"{thread.id}: {part.id} was begun {at / 1e6 - known:.3f} s after the takeover"
                )


def _answered(
    verdict: Verdict, thread: Thread, answers: Counter[str], now: tuple[str, str] | None
) -> None:
    due = {"chat": thread.marks, "return": thread.marks[-1:]}.get(thread.story, [])
    missing = [mark for mark in due if not answers[mark]]
    verdict.numbers["messages"] += len(thread.marks)
    verdict.numbers["answered"] += sum(answers[mark] > 0 for mark in thread.marks)
    if missing and now is not None and now[0] == "human":
        # Nobody is left waiting: the gateway gave them to people, and says why.
        verdict.numbers["given to people"] += len(missing)
        return
    verdict.numbers["unanswered"] += len(missing)
    verdict.expect(not missing, f"{thread.id} ({thread.story}): nobody answered {missing}; {now}")
