"""The table and the ladder as a page for people: `python -m gateway.handover.drawing`.

Writes docs/handover.md to standard output, from what the code runs by; a test compares the two.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import get_args

from gateway.handover.table import TABLE, Input, Mode, Move, State
from gateway.ladder import LADDER, NATIVE_LADDER, REMIND_AFTER_S, Rung, WaitStep
from gateway.policy import AgentTerms

STATES: Mapping[State, str] = {
    "none": "no session yet",
    "ai": "the AI answers",
    "human": "people answer, or are waited for",
    "copilot": "the AI drafts, a person answers",
    "finished": "the session is over",
}
INPUTS: Mapping[Input, str] = {
    "customer_spoke": "the customer wrote",
    "operator_spoke": "a person wrote in the channel, where that takes nothing over",
    "operator_took_over": "a person wrote in the channel and so took over "
    "(`takeover_on_reply`); another bot did, where `other_bot` is `human`",
    "ai_spoke": "words of the AI's arrived",
    "other_bot_spoke": "another bot wrote",
    "to_ai": "the channel's assignee became the AI's seat",
    "to_person": "the channel's assignee became a person, a team or another bot",
    "to_nobody": "the channel's assignee was taken off (`on_unassigned` is `keep`)",
    "handed_over": "handed over by a button, by the AI, because the customer asked, by a rule, or "
    "since the AI failed",
    "handed_back": "the AI was put back in charge at our doors, or by the ladder",
    "person_set": "somebody accepted it, or was assigned at our doors",
    "released": "it was given back to those who wait for work",
    "copilot_on": "an operator let the AI draft for them",
    "copilot_off": "an operator went on without drafts",
    "ended": "closed in the channel, finished by a person or the AI, idle for too long, or deleted",
    "aside": "what is said to nobody, such as a line of the channel's own",
}
MOVES: Mapping[Move, str] = {
    "stay": "nothing about who is in charge",
    "open": "a session begins, in the mode that the assignee at that moment asks for",
    "open_human": "a session begins that the person who wrote holds",
    "take_over": "the AI falls silent: what it owes is cancelled, what it thinks out is discarded",
    "hold": "the mode stays, the channel's new assignee is responsible",
    "pass_on": "the mode stays, another person is responsible",
    "release": "nobody is responsible: the session is incoming again",
    "give_back": "the AI is in charge, knows what people said, and answers what is left open",
    "draft": "the session is the operator's, and the AI writes drafts for them",
    "end": "the session is over; the next words of the customer's begin another",
}
# Which modes a move leads to; none: the mode stays what it is.
LEADS_TO: Mapping[Move, Sequence[State]] = {
    "stay": (),
    "open": get_args(Mode),
    "open_human": ("human",),
    "take_over": ("human",),
    "hold": (),
    "pass_on": (),
    "release": ("human",),
    "give_back": ("ai",),
    "draft": ("copilot",),
    "end": ("finished",),
}
STEPS: Mapping[WaitStep, str] = {
    "accept": "nobody has taken the session yet",
    "first_reply": "somebody has, and has not replied",
    "reply": "words of the customer's stand unanswered later on",
}
_ACTS = {
    "tell_customer": "tell the customer",
    "notify": "notify people",
    "offer_next": "take it off whoever has it, and offer it to the next",
    "widen": "offer it to everybody",
    "return_to_ai": "give it back to the AI",
    "take_message": "take a message for later",
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

_INTRO = """\
<!-- Made by `python -m gateway.handover.drawing > docs/handover.md`; a test compares the two. -->
# Who is in charge

This page is drawn from the code that decides: the table in `gateway/handover/table.py`, and the
ladders in `gateway/ladder.py`. What it comes to for a team that works in Intercom is told case by
case in [Intercom](intercom.md), how one acts in [the API](api.md#acting-on-a-session).

## The table

Each of {states} states meets each of {inputs} inputs, and nothing else has an opinion about
modes; an empty cell is `stay`. What a channel reports is never refused, only absorbed; people at
our doors can be refused before it comes to the table.
"""
_DIAGRAM = """\

## The states as a diagram

An arrow names the inputs that lead along it. Where the move leaves the mode as it is, there is no
arrow: who is *responsible* may still change (`hold`, `pass_on`, `release`).
"""
_LADDER = """\

## The ladder of deadlines

Whoever waits for people waits with a deadline; how to make a ladder of one's own is told in
[the settings](configuration.md#the-ladder-of-deadlines). Each step counts from the moment at which
it began, and ends when what is waited for happens; the times are since then. An offer to one person
stands for {offer} (`offer_s`), where sessions are offered in turn. After the last rung of a step
people are notified every {remind} for as long as the customer waits.

Where people work in our pages:
"""
_NATIVE = """\

Where the channel is people's own tool, such as Intercom:
"""


def page() -> str:
    """The whole page, as Markdown with Mermaid diagrams."""
    inputs = get_args(Input)
    return "\n".join(
        [
            _INTRO.format(states=len(TABLE), inputs=len(inputs)),
            *_table(["input", *(f"`{state}`" for state in STATES)], _rows()),
            "",
            *_meanings("state", STATES),
            "",
            *_meanings("input", INPUTS),
            "",
            *_meanings("move", MOVES),
            _DIAGRAM,
            *_fenced(_states()),
            _LADDER.format(
                remind=_time(REMIND_AFTER_S).removeprefix("1 "),
                offer=_time(AgentTerms(name="").offer_s),
            ),
            *_fenced(_ladder(LADDER)),
            _NATIVE,
            *_fenced(_ladder(NATIVE_LADDER)),
            "",
        ]
    )


def _rows() -> list[list[str]]:
    return [
        [f"`{meant}`", *(_cell(TABLE[state][meant]) for state in STATES)]
        for meant in get_args(Input)
    ]


def _cell(move: Move) -> str:
    return "" if move == "stay" else f"`{move}`"


def _meanings(
    what: str, words: Mapping[State, str] | Mapping[Input, str] | Mapping[Move, str]
) -> list[str]:
    return _table([what, "means"], [[f"`{name}`", text] for name, text in words.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _fenced(lines: Sequence[str]) -> list[str]:
    return ["```mermaid", *lines, "```"]


def _states() -> list[str]:
    ways: defaultdict[tuple[State, State], list[Input]] = defaultdict(list)
    for state, row in TABLE.items():
        for meant, move in row.items():
            for after in LEADS_TO[move]:
                if after != state:
                    ways[state, after].append(meant)
    lines = ["stateDiagram-v2"]
    lines += [f"    {state}: {state} - {words}" for state, words in STATES.items()]
    lines += ["    [*] --> none"]
    lines += [
        f"    {before} --> {after}: {', '.join(inputs)}" for (before, after), inputs in ways.items()
    ]
    return lines


def _ladder(ladder: Sequence[Rung]) -> list[str]:
    lines = ["flowchart TD"]
    for step, words in STEPS.items():
        rungs = sorted((rung for rung in ladder if rung.step == step), key=lambda one: one.after_s)
        lines.append(f'    {step}(["{step}: {words}"])')
        before: str = step
        for number, rung in enumerate(rungs):
            said = f": {rung.text}" if rung.text else ""
            here = f"{step}_{number}"
            does = f'{here}["{_ACTS[rung.do]}{said}"]'
            lines.append(f'    {before} -- "{_time(rung.after_s)}" --> {does}')
            before = here
    lines.append('    accept == "somebody accepts" ==> first_reply')
    lines.append('    first_reply == "they reply, and the customer writes again" ==> reply')
    return lines


def _time(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds:g} seconds"


if __name__ == "__main__":
    sys.stdout.write(page())
