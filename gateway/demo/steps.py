"""The steps of a story: played one after the other, until one does not happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from gateway.demo.doors import NotHappened
from gateway.demo.transcript import Transcript

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its heading, what plays it and says what it showed, and what was said by then."""

    title: str
    play: Callable[[], str]
    said: Callable[[], Sequence[Json]]


def play(steps: Sequence[Step], transcript: Transcript) -> bool:
    """Play the steps until one fails; tell whether all happened."""
    for number, step in enumerate(steps, start=1):
        transcript.heading(number, step.title)
        try:
            proved = step.play()
            transcript.tell(step.said())
        except (NotHappened, requests.RequestException) as error:
            _tell_if_possible(step, transcript)
            transcript.failed(str(error))
            for late in steps[number:]:
                transcript.failed(f"not reached: {late.title}")
            return False
        transcript.proved(proved)
    return True


def _tell_if_possible(step: Step, transcript: Transcript) -> None:
    try:
        transcript.tell(step.said())
    except (NotHappened, requests.RequestException):
        pass
