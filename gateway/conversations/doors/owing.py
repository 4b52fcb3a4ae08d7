"""Words and acts of ours on their way out: owed to the channel, or said here and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.commands import AddNote, Assign, Command, SendMessage
from gateway.conversations import briefing, history, pushes, record
from gateway.conversations.doors.callers import after_known
from gateway.conversations.record import Outcome
from gateway.conversations.thread import Held
from gateway.errors import Ours
from gateway.events import Actor, Assignee, Attachment, Fact, MessageReceived, NoteAdded, Position
from gateway.policy import Terms
from gateway.store import Transaction


class Owing:
    """Owes a session's channel several things, in order, within one transaction.

    A channel that does not push messages has them the moment they are recorded: they are facts.
    """

    def __init__(
        self,
        db: Transaction,
        terms: Terms,
        held: Held,
        session_id: str,
        outcome: Outcome,
        now: int,
        epoch: int | None = None,
    ) -> None:
        if epoch is None and outcome.session is None:
            raise Ours("an act left no session behind", details={"session": session_id})
        self._db, self._terms, self._held, self._now = db, terms, held, now
        self._session_id = session_id
        self._outcome = outcome
        self._epoch = outcome.session.epoch if outcome.session else epoch or 0
        self._said = 0

    def owe(self, cause: str, role: str, command: Command, message_id: str | None = None) -> None:
        """Owe one command, unless the channel does not know it."""
        done = pushes.owe(
            self._db, self._held, self._terms.channel,
            session_id=self._session_id, epoch=self._epoch, cause=cause, role=role,
            command=command, now=self._now, message_id=message_id,
        )  # fmt: skip
        if done:
            self._outcome.owed.add("deliver")

    def words(
        self,
        role: str,
        text: str,
        author: Actor,
        *,
        as_operator: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> str:
        """Record words of ours and owe them, notes and drafts as notes; return the message's id.

        Files go only where saying something is our own commit.
        """
        kind = role if role in ("note", "draft") else "message"
        pushed = "send_message" if kind == "message" else "add_note"
        if pushed not in self._terms.channel.pushes:
            return self._say(kind, text, author, attachments)
        message_id = history.write_own(
            self._db, self._held,
            session_id=self._session_id, kind=kind, author=author, text=text,
            html=self._terms.channel.render(text), state="owed", now=self._now, index=self._said,
        )  # fmt: skip
        self._said += 1
        conversation = self._held.external_id
        command: Command = (
            SendMessage(conversation=conversation, text=text, as_operator=as_operator)
            if kind == "message"
            else AddNote(conversation=conversation, text=text, as_operator=as_operator)
        )
        self.owe(message_id, role, command, message_id)
        return message_id

    def _say(self, kind: str, text: str, author: Actor, attachments: Sequence[Attachment]) -> str:
        """Nobody has to be told: what is recorded is said."""
        at = max(Position(self._now), after_known(self._held))
        message_id = history.write_own(
            self._db, self._held,
            session_id=self._session_id, kind=kind, author=author, text=text,
            html=self._terms.channel.render(text), state="sent", now=self._now, at=at,
            attachments=attachments,
        )  # fmt: skip
        if kind == "draft":
            return message_id
        said: type[MessageReceived | NoteAdded] = (
            MessageReceived if kind == "message" else NoteAdded
        )
        fact = said(
            conversation=self._held.external_id, id=message_id, at=at, moment=self._now,
            author=author, text=text,
        )  # fmt: skip
        if isinstance(fact, MessageReceived) and author.kind == "ai":
            unread = briefing.unasked_since(self._db, self._session_id)
            fact = replace(fact, unread_since=unread)
        told = record.apply(self._db, self._terms, self._held, [fact], now=self._now, source="act")
        self._outcome.owed |= told.owed
        return message_id


def act_and_assign(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    act: Fact,
    to: Assignee | None,
    now: int,
) -> Outcome:
    """Apply an act of ours, and owe the channel the assignment that it is there (None: none)."""
    outcome = record.apply(db, terms, held, [act], now=now, source="act")
    owing = Owing(db, terms, held, session_id, outcome, now)
    if to is not None:
        owing.owe(act.id, "assignment", Assign(conversation=held.external_id, to=to))
    return outcome
