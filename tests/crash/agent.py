"""An AI agent over HTTP whose answers name what they answer, so that loss and repetition show."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.agents.servers import wsgi_server

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
WORD = re.compile(r"\bw\d{3}n\d{3}\b")
"""What a customer says: conversation 7's third message is w007n003."""
PLEASE_A_PERSON = "a person please"


class NamingAgent:
    """Answers `About w007n003 (turn …)`, some in two messages; hands over when asked to."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        # Cleared: questions are taken and not answered.
        self.answering = threading.Event()
        self.answering.set()
        self._random = random.Random(seed)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        question = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        self.asked.append(question)
        if not self.answering.is_set():
            self.answering.wait(60)
        threading.Event().wait(self._random.uniform(0.0, 0.25))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self._answer(question)).encode()]

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        said = _unanswered(question["messages"])
        words = sorted({word for text in said for word in WORD.findall(text)})
        about = f"About {' '.join(words)} (turn {question['turn_id'].partition('_')[2]})"
        wishes_person = any(PLEASE_A_PERSON in text for text in said)
        halves = [f"{about} one of two", f"{about} two of two"]
        return {
            "messages": [
                {"text": text} for text in (halves if words and words[-1][-1] in "05" else [about])
            ],
            "handover": {"trigger": "customer_request", "reason": "asked for a person"}
            if wishes_person
            else None,
        }


def _unanswered(messages: list[dict[str, Any]]) -> list[str]:
    """The customer's new words, or, after a return, those that nobody answered."""
    customer = [one for one in messages if one["author"]["kind"] == "customer"]
    new = [one["text"] for one in customer if one["new"]]
    last: list[str] = []
    for one in reversed(messages):
        if one["author"]["kind"] != "customer":
            break
        last.append(one["text"])
    return [*new, *last]


@contextmanager
def naming_agent(seed: int) -> Iterator[NamingAgent]:
    """Serve one."""
    agent = NamingAgent(seed)
    with wsgi_server(agent) as url:
        agent.url = f"{url}/turn"
        try:
            yield agent
        finally:
            agent.answering.set()
