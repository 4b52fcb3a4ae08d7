"""What must be true after the last fault, looked at from the stand-in's side and from ours."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from intercom_standin.bodies import text_of_html
from intercom_standin.records import Conversation, Part
from tests.crash.agent import WORD
from tests.crash.load import Talk
from tests.crash.tree import BOT, Tree

TURN = re.compile(r"\(turn (\w+)\)( one of two| two of two)?")


@dataclass
class Verdict:
    """What was found: numbers for the report, and everything that is wrong."""

    wrong: list[str] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)

    def expect(self, holds: object, what: str) -> None:
        if not holds:
            self.wrong.append(what)


def judge(tree: Tree, talks: list[Talk]) -> Verdict:
    """Compare the record, the stand-in and what was answered 200."""
    verdict = Verdict()
    record = Record(tree)
    notifier = tree.standin.notifier
    incomplete = {notification.conversation_id for notification in notifier.dropped}
    verdict.numbers["talks"] = len(talks)
    verdict.numbers["talks with dropped notifications"] = len(incomplete)
    _kept_once(verdict, tree, record)
    for talk in talks:
        conversation = tree.standin.world.conversations[talk.id]
        ours = record.of(talk.id)
        _said_once(verdict, talk, conversation)
        _silent_under_people(verdict, tree, talk, conversation, ours)
        if talk.id not in incomplete:
            _answered(verdict, talk, conversation)
            _same_truth(verdict, talk, conversation, ours)
    states = Counter(push.state for push in record.pushes)
    verdict.numbers.update({f"pushes {state}": number for state, number in states.items()})
    verdict.numbers["pushes begun again"] = sum(push.tries > 1 for push in record.pushes)
    verdict.numbers["pushes overlapped"] = sum(push.overlapped for push in record.pushes)
    verdict.numbers["turns asked again"] = sum(turn.tries > 1 for turn in record.turns)
    for push in record.pushes:
        verdict.expect(
            push.state in ("sent", "cancelled"), f"push {push.id} {push.state}: {push.error}"
        )
    for turn in record.turns:
        verdict.expect(turn.state != "failed", f"turn {turn.id} failed: {turn.why}")
    return verdict


class Record:
    """Our tables, by conversation."""

    def __init__(self, tree: Tree) -> None:
        self.conversations = {row.external_id: row for row in tree.table("conversations")}
        self.inbox = tree.table("inbox")
        self.pushes = tree.table("pushes")
        self.turns = tree.table("turns")
        self.messages = tree.table("messages")
        self.sessions = tree.table("chat_sessions")

    def of(self, external_id: str) -> dict[str, list[Any]]:
        """What we have of one conversation."""
        row = self.conversations.get(external_id)
        mine = row.id if row else None
        return {
            name: [one for one in getattr(self, name) if one.conversation_id == mine]
            for name in ("pushes", "turns", "messages", "sessions")
        }


def _kept_once(verdict: Verdict, tree: Tree, record: Record) -> None:
    """Whatever was answered 200 is in the inbox once, and applied."""
    log = tree.standin.notifier.log
    kept = Counter(row.dedup for row in record.inbox)
    verdict.numbers["attempts"] = len(log)
    verdict.numbers["attempts lost"] = sum(not delivery.ok for delivery in log)
    verdict.expect(all(number == 1 for number in kept.values()), "a delivery is kept twice")
    for delivery in log:
        if delivery.ok:
            verdict.expect(
                kept[delivery.notification_id or ""] == 1,
                f"{delivery.topic} {delivery.notification_id} was answered 200 and is not kept",
            )
        elif delivery.status is not None:
            verdict.expect(delivery.status == 503, f"{delivery.topic} answered {delivery.status}")
            verdict.numbers[f"answered {delivery.status}"] += 1
    for row in record.inbox:
        verdict.expect(row.state == "applied", f"delivery {row.id} {row.state}: {row.error}")
    # ... and so is what it told of.
    known = defaultdict(set)
    names = {row.id: row.external_id for row in record.conversations.values()}
    for message in record.messages:
        known[names[message.conversation_id]].add(message.external_id)
    for delivery in log:
        if delivery.ok and delivery.part_id and delivery.conversation_id:
            conversation = tree.standin.world.conversations[delivery.conversation_id]
            part = next(part for part in conversation.parts if part.id == delivery.part_id)
            verdict.expect(
                not part.body or part.id in known[delivery.conversation_id],
                f"part {part.id} of {delivery.conversation_id} was told and is not in the history",
            )


def _words_of_bot(conversation: Conversation) -> list[tuple[Part, str]]:
    return [
        (part, text_of_html(part.body))
        for part in conversation.parts
        if part.author.id == BOT and part.body and part.part_type != "note"
    ]


def _said_once(verdict: Verdict, talk: Talk, conversation: Conversation) -> None:
    """No answer is on the stand-in twice, and no word of a customer's is answered twice."""
    turns: Counter[str] = Counter()
    words: Counter[tuple[str, str]] = Counter()
    for part, text in _words_of_bot(conversation):
        found = TURN.search(text)
        verdict.expect(found, f"{talk.id}: the bot's seat said {text!r} ({part.id})")
        if found is None:
            continue
        turns[found.group(0)] += 1
        words.update((word, found.group(2) or "") for word in WORD.findall(text))
    for turn, number in turns.items():
        verdict.expect(number == 1, f"{talk.id} ({talk.story}): {turn} is there {number} times")
    for (word, half), number in words.items():
        verdict.expect(
            number == 1, f"{talk.id} ({talk.story}): {word}{half} is answered {number} times"
        )
    notes = [part for part in conversation.parts if part.part_type == "note"]
    verdict.expect(len(notes) <= 1, f"{talk.id} ({talk.story}): {len(notes)} notes")


def _answered(verdict: Verdict, talk: Talk, conversation: Conversation) -> None:
    """Every reply that is owed is there: all of them where the AI was in charge all the time."""
    answered = {word for _, text in _words_of_bot(conversation) for word in WORD.findall(text)}
    if talk.ends == "ai":
        due = talk.words if talk.story == "chat" else talk.words[-1:]
    elif talk.story == "person":
        # What was owed and not begun when the AI handed over is cancelled (P1); not its last words.
        due = talk.words[-1:]
        assigned = [part for part in conversation.parts if part.part_type == "assignment"]
        teams = [part for part in assigned if part.assigned_to and part.assigned_to.type == "team"]
        verdict.expect(len(teams) == 1, f"{talk.id} (person): {len(teams)} assignments to the team")
        notes = [part for part in conversation.parts if part.part_type == "note"]
        verdict.expect(len(notes) == 1, f"{talk.id} (person): {len(notes)} notes")
    else:
        due = []
    lost = sorted(set(due) - answered)
    verdict.expect(not lost, f"{talk.id} ({talk.story}): nobody answered {lost}")
    verdict.numbers["words answered"] += len(answered)


def _silent_under_people(
    verdict: Verdict, tree: Tree, talk: Talk, conversation: Conversation, ours: dict[str, list[Any]]
) -> None:
    """Under a person the bot says only what was on the wire at the takeover, and we know of it."""
    pushes = {push.external_id: push for push in ours["pushes"] if push.external_id}
    takeover: Part | None = None
    late = 0
    for part in conversation.parts:
        if part.assigned_to is not None:
            person = part.assigned_to.type == "admin" and part.assigned_to.id != BOT
            takeover, late = (part if person else None), 0
        elif takeover is not None and part.author.id == BOT and part.part_type != "note":
            push = pushes.get(part.id)
            late += 1
            told = _told_at(tree, takeover)
            # Known to have landed before we heard of the takeover: nothing overlapped for us.
            before = push is not None and (told is None or push.ended_at <= told * 1_000_000)
            verdict.expect(
                push is not None and (push.overlapped or before) and late == 1,
                f"{talk.id} ({talk.story}): part {part.id} came after the takeover"
                f" {takeover.id}, {late} by now, overlapped {push.overlapped if push else None}",
            )
            verdict.expect(
                push is None or told is None or push.begun_at <= told * 1_000_000,
                f"{talk.id}: part {part.id} was begun after we knew of the takeover",
            )
            verdict.numbers["landed after a takeover"] += 1


def _told_at(tree: Tree, part: Part) -> float | None:
    """When we first answered 200 to a notification about this part."""
    times = [one.at for one in tree.standin.notifier.log if one.part_id == part.id and one.ok]
    return min(times, default=None)


def _same_truth(
    verdict: Verdict, talk: Talk, conversation: Conversation, ours: dict[str, list[Any]]
) -> None:
    """The history, who is in charge and the cuts are what the stand-in has."""
    theirs = [text_of_html(conversation.body)]
    theirs += [
        text_of_html(part.body)
        for part in conversation.parts
        if part.body and part.part_type != "note"
    ]
    said = [one for one in ours["messages"] if one.kind == "message"]
    said = [one for one in said if one.state in ("received", "sent")]
    said.sort(key=lambda one: (one.at, one.number, one.step, one.id))
    texts = [one.text for one in said]
    verdict.expect(texts == theirs, f"{talk.id} ({talk.story}): history {texts} should be {theirs}")
    unsaid = [one for one in ours["messages"] if one.state in ("owed", "failed")]
    verdict.expect(not unsaid, f"{talk.id}: still owed or failed: {[one.text for one in unsaid]}")
    active = [one for one in ours["sessions"] if one.status == "active"]
    verdict.expect(len(active) == 1, f"{talk.id}: {len(active)} active sessions")
    for one in active:
        verdict.expect(one.mode == talk.ends, f"{talk.id} ({talk.story}): mode is {one.mode}")
    sessions = 2 if talk.story == "close" else 1
    verdict.expect(
        len(ours["sessions"]) == sessions, f"{talk.id}: {len(ours['sessions'])} sessions"
    )
