"""Why the AI spoke or kept silent: a code for programs, and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["spoke", "drafted", "silent", "pending"]

OUTCOMES: Mapping[str, Outcome] = {
    "answered": "spoke",
    "answered_overlapping": "spoke",
    "answered_and_handed_over": "spoke",
    "answered_and_finished": "spoke",
    "answered_after_return": "spoke",
    "drafted": "drafted",
    "waiting": "pending",
    "held": "pending",
    "asking": "pending",
    "answer_owed": "pending",
    "nothing_to_say": "silent",
    "handed_over_by_ai": "silent",
    "finished_by_ai": "silent",
    "handover_refused": "silent",
    "agent_failed": "silent",
    "rule": "silent",
    "limit": "silent",
    "taken_over_before": "silent",
    "taken_over_meanwhile": "silent",
    "answer_withdrawn": "silent",
    "answer_undelivered": "silent",
    "superseded": "silent",
    "finished_before": "silent",
    "with_people": "silent",
    "found_late": "silent",
    "history": "silent",
    "unexplained": "silent",
}
"""What each code means for whether the AI spoke."""

_SENTENCES: Mapping[str, str] = {
    "answered": "The AI agent was in charge and answered.",
    "answered_overlapping": (
        "The AI agent answered; its answer was on its way already when people took over."
    ),
    "answered_and_handed_over": "The AI agent answered, and asked for people with that answer.",
    "answered_and_finished": "The AI agent answered, and finished the session with that answer.",
    "answered_after_return": (
        "A person led the session when the customer wrote; when the AI agent was put back in "
        "charge, it was told of that, and answered."
    ),
    "drafted": (
        "A person leads the session with the copilot on, so the AI agent drafted and did not speak."
    ),
    "waiting": "The AI agent is in charge and is about to be asked.",
    "held": (
        "A notification of this conversation could not be understood. It may have been a takeover, "
        "so the AI keeps silent until the conversation has been read."
    ),
    "asking": "The AI agent is being asked.",
    "answer_owed": "The AI agent answered; its answer is on its way to the customer.",
    "nothing_to_say": "The AI agent was asked and had nothing to say.",
    "handed_over_by_ai": "The AI agent asked for people without a word of its own.",
    "finished_by_ai": "The AI agent finished the session without a word of its own.",
    "handover_refused": (
        "The AI agent asked for people without a word of its own, which its settings do not allow"
    ),
    "agent_failed": "The AI agent gave no answer that could be used, so people were asked instead",
    "rule": "A rule of the settings gave the session to people",
    "limit": "The AI agent had answered too much, or to a machine, so people were asked instead",
    "taken_over_before": "People took over before the AI agent was asked",
    "taken_over_meanwhile": (
        "People took over while the AI agent was thinking; its answer was dropped"
    ),
    "answer_withdrawn": "The AI agent's answer was withdrawn before it was sent",
    "answer_undelivered": "The AI agent answered, and the channel did not take the answer",
    "superseded": "Somebody spoke while the AI agent was drafting, so its draft was dropped.",
    "finished_before": "The session was finished before the AI agent had answered.",
    "with_people": "A person led the session when the customer wrote.",
    "found_late": (
        "The message was found too late for the AI to answer it, so people were asked instead."
    ),
    "history": "The message came so late that it is history: nobody was waiting for an answer.",
    "unexplained": "The record does not tell why.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The turn that told the AI agent of a message first, and what became of it.

    `handed_over` and `finished`: what else its answer came to.
    """

    state: str
    was_asked: bool
    why: str | None
    handed_over: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A line that the AI agent said or drafted: its kind, and how its way to the channel is."""

    kind: str
    state: str
    push: str | None
    overlapped: bool
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A customer's message and all that bears on it.

    `mode` is the session's when it was said. `turn` told the agent of it; where none did, `missed`
    is the one that would have. `rule` is the reason of a handover by the gateway's own rules.
    """

    mode: str
    turn: Asked | None
    answers: tuple[Answer, ...] = ()
    missed: Asked | None = None
    held: bool = False
    came_late: bool = False
    found_late: bool = False


_RULES = ("not asked: ", "not said: ", "handed over: ")
_LIMITS = ("Limit: ", "Loop: ")


def explain(case: Case) -> tuple[str, str | None]:
    """The code, and what the record adds to its sentence."""
    if case.turn is None:
        return _never_asked(case)
    turn = case.turn
    if turn.state in ("due", "asking", "waiting"):
        return ("held" if case.held and turn.state == "due" else "asking"), None
    if turn.state == "failed":
        return "agent_failed", turn.why
    if turn.state == "discarded":
        return _discarded(turn)
    return _recorded(case, turn)


def reason_of(turn: Asked) -> str:
    """The code for a turn whose answer was discarded."""
    return _discarded(turn)[0]


def sentence_of(code: str, more: str | None) -> str:
    """The sentence for a supervisor."""
    sentence = _SENTENCES[code]
    if sentence.endswith("."):
        return sentence
    return f"{sentence}: {more}." if more else f"{sentence}."


def _never_asked(case: Case) -> tuple[str, str | None]:
    if case.found_late:
        return "found_late", None
    if case.mode == "human":
        return "with_people", None
    if case.mode == "finished":
        return "finished_before", None
    missed = case.missed
    if missed is not None and missed.state in ("due", "asking", "waiting"):
        return ("held" if case.held else "waiting"), None
    if missed is not None and missed.state == "discarded":
        return _discarded(missed)
    if case.came_late:
        return "history", None
    return "unexplained", None


def _discarded(turn: Asked) -> tuple[str, str | None]:
    why = turn.why or ""
    for beginning in _RULES:
        if why.startswith(beginning):
            reason = why.removeprefix(beginning)
            return ("limit" if reason.startswith(_LIMITS) else "rule"), reason
    if why.startswith("somebody spoke"):
        return "superseded", None
    if "finished" in why:
        return "finished_before", None
    return ("taken_over_meanwhile" if turn.was_asked else "taken_over_before"), why or None


def _recorded(case: Case, turn: Asked) -> tuple[str, str | None]:
    words = [answer for answer in case.answers if answer.kind == "message"]
    if not words and any(answer.kind == "draft" for answer in case.answers):
        return "drafted", None
    if not words:
        return _wordless(turn)
    if all(word.push == "cancelled" or word.state == "discarded" for word in words):
        return "answer_withdrawn", words[0].why
    if all(word.push == "failed" or word.state == "failed" for word in words):
        return "answer_undelivered", words[0].why
    if any(word.push in ("owed", "sending", "unknown") for word in words):
        return ("held" if case.held else "answer_owed"), None
    if any(word.overlapped for word in words):
        return "answered_overlapping", None
    if turn.handed_over:
        return "answered_and_handed_over", None
    if turn.finished:
        return "answered_and_finished", None
    return ("answered_after_return" if case.mode == "human" else "answered"), None


def _wordless(turn: Asked) -> tuple[str, str | None]:
    why = turn.why or ""
    if why.startswith("handover refused"):
        return "handover_refused", why.partition(": ")[2] or None
    if "handed over: " in why:
        reason = why.partition("handed over: ")[2]
        return ("limit" if reason.startswith(_LIMITS) else "rule"), reason
    if turn.handed_over:
        return "handed_over_by_ai", None
    return ("finished_by_ai" if turn.finished else "nothing_to_say"), None
