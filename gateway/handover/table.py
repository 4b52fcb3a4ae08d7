"""Every mode meets every input: the one table of who is in charge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Mode = Literal["ai", "human", "copilot"]
State = Literal["none", "ai", "human", "copilot", "finished"]
Input = Literal[
    "customer_spoke",
    "operator_spoke",
    "operator_took_over",
    "ai_spoke",
    "other_bot_spoke",
    "to_ai",
    "to_person",
    "to_nobody",
    "handed_over",
    "handed_back",
    "person_set",
    "released",
    "copilot_on",
    "copilot_off",
    "ended",
    "aside",
]
Move = Literal[
    "stay",
    "open",
    "open_human",
    "take_over",
    "hold",
    "pass_on",
    "release",
    "give_back",
    "draft",
    "end",
]

# What each move does to the mode; "stay", "hold" and "pass_on" leave it, "open" asks the assignee.
# fmt: off
TABLE: Mapping[State, Mapping[Input, Move]] = {
    "none": {
        "customer_spoke": "open",
        "operator_spoke": "open_human", "operator_took_over": "open_human",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "stay",            "to_person": "stay",            "to_nobody": "stay",
        "handed_over": "stay",      "handed_back": "stay",
        "person_set": "stay",       "released": "stay",
        "copilot_on": "stay",       "copilot_off": "stay",
        "ended": "stay",            "aside": "stay",
    },
    "ai": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "take_over",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "hold",            "to_person": "take_over",       "to_nobody": "hold",
        "handed_over": "take_over", "handed_back": "stay",
        "person_set": "stay",       "released": "stay",
        "copilot_on": "draft",      "copilot_off": "stay",
        "ended": "end",             "aside": "stay",
    },
    "human": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "give_back",       "to_person": "hold",            "to_nobody": "hold",
        "handed_over": "stay",      "handed_back": "give_back",
        "person_set": "pass_on",    "released": "release",
        "copilot_on": "draft",      "copilot_off": "stay",
        "ended": "end",             "aside": "stay",
    },
    "copilot": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "give_back",       "to_person": "take_over",       "to_nobody": "hold",
        "handed_over": "take_over", "handed_back": "give_back",
        "person_set": "pass_on",    "released": "release",
        "copilot_on": "draft",      "copilot_off": "take_over",
        "ended": "end",             "aside": "stay",
    },
    "finished": {
        "customer_spoke": "open",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "stay",            "to_person": "stay",            "to_nobody": "stay",
        "handed_over": "stay",      "handed_back": "stay",
        "person_set": "stay",       "released": "stay",
        "copilot_on": "stay",       "copilot_off": "stay",
        "ended": "stay",            "aside": "stay",
    },
}
# fmt: on
