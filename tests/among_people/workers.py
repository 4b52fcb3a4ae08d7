"""Workers that stop before each of their transactions, and wherever the AI thinks, or die there.

Each runs in a greenlet: one thread, no luck. Whoever drives them decides who goes on next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from gateway.conversations.asking import Recorded
from gateway.errors import Again, Never
from gateway.events import Answer, HandoverRequest, Later, Turn
from tests.among_people.model import Model, Rules
from tests.desk import Desk

REPLIES = (
    "words", "words", "words", "two", "nothing", "handover", "request", "finish",
    "never", "again", "timeout", "later",
)  # fmt: skip


class Died(BaseException):
    """The process is gone."""


def answer_of(reply: str, number: int) -> Answer:
    """What the AI answers; each time something else."""
    trigger: Any = "customer_request" if reply == "request" else "automatic"
    asks = HandoverRequest(trigger=trigger, reason="asked", summary="")
    texts = {"two": [f"a{number}", f"b{number}"], "nothing": []}
    return Answer(
        messages=texts.get(reply, [f"a{number}"]),
        results={"number": number},
        handover=asks if reply in ("handover", "request") else None,
        finish=reply == "finish",
    )


class Worker:
    """One piece of work, being done by somebody."""

    def __init__(self, crew: Crew, kind: str, key: str) -> None:
        self.kind, self.key = kind, key
        self.reply = "words"
        self.thinking = False
        self.outcome = ""
        self.turn: Turn | None = None
        self.number = 0
        self.commits = 0
        self.rolls_back = False
        self.answer: Answer | None = None
        self._crew = crew
        self._green = greenlet(self._run)
        self.step()

    @property
    def done(self) -> bool:
        """True if nothing is left to be done."""
        return bool(self._green.dead)

    def step(self, reply: str = "words") -> None:
        """Go on until the next stop."""
        self.reply = reply
        self._switch()

    def die(self, *, inside: bool) -> None:
        """Die here; or `inside` the next transaction, which is rolled back."""
        if inside and not self.thinking:
            self.rolls_back = True
            self._switch()
        else:
            self._switch(Died())

    def _switch(self, error: BaseException | None = None) -> None:
        before, self._crew.current = self._crew.current, self
        try:
            self._green.throw(error) if error else self._green.switch()
        finally:
            self._crew.current = before

    def _run(self) -> None:
        try:
            self._crew.it.bench.works[self.kind].do(self.key)
        except Died:
            pass

    def stop(self) -> None:
        """Called within the work: let others go on."""
        self._green.parent.switch()


class Crew:
    """All workers of a desk, and the AI that they ask; tells the model what they commit."""

    def __init__(self, it: Desk) -> None:
        self.it = it
        self.model = Model(Rules())
        self.workers: list[Worker] = []
        self.current: Worker | None = None
        self.numbers = 0
        self._write = it.database.write
        it.database.write = self.write  # type: ignore[method-assign]
        it.agent.ask = self.ask  # type: ignore[method-assign]

    def start(self, kind: str, key: str) -> Worker:
        """Somebody begins a piece of work; others may be doing it already."""
        worker = Worker(self, kind, key)
        self.workers = [one for one in [*self.workers, worker] if not one.done]
        return worker

    def write(self, work: Callable[[Any], Any]) -> Any:
        """A transaction; a worker stops before it, and may die in it."""
        worker = self.current
        if worker is None or getcurrent() is not worker._green:
            return self._write(work)
        worker.stop()

        def dying(db: Any) -> Any:
            result = work(db)
            if worker.rolls_back:
                raise Died
            return result

        result = self._write(dying)
        self._committed(worker, result)
        return result

    def ask(self, turn: Turn) -> Answer | Later:
        """The AI thinks; others go on meanwhile."""
        worker = self.current
        assert worker is not None
        worker.turn, worker.thinking = turn, True
        worker.stop()
        worker.thinking, worker.outcome = False, worker.reply
        match worker.outcome:
            case "never":
                raise Never("refused")
            case "again":
                raise Again("busy")
            case "timeout":
                raise Again("no answer in time", details={"timeout": True})
            case "later":
                return Later()
        self.numbers += 1
        worker.answer = answer_of(worker.outcome, self.numbers)
        return worker.answer

    # -- what was committed ------------------------------------------------------------------------

    def _committed(self, worker: Worker, result: Any) -> None:
        now, model = self.it.now, self.model
        worker.commits += 1
        if worker.kind == "deadlines":
            model.climb(model.cares[worker.key], now)
        elif worker.kind == "upkeep":
            model.idle(model.cares[worker.key], now)
        elif worker.commits == 1:
            self._begun(worker, result, now)
        else:
            self._ended(worker, now)

    def _begun(self, worker: Worker, result: Any, now: int) -> None:
        begun, number = result
        one = self.model.asked_.get(worker.key)
        if isinstance(begun, Turn):
            worker.number = number
            self.model.ask(begun.id, begun.session, now)
        elif isinstance(begun, Recorded):
            assert one is not None
            assert one.reply_by is not None
            assert one.reply_by <= now
            self.model.give_up(one, now)

    def _ended(self, worker: Worker, now: int) -> None:
        assert worker.turn is not None
        turn, model = worker.turn.id, self.model
        if worker.answer is not None:
            told(model, turn, worker.answer, now)
        elif worker.outcome == "later":
            model.later(turn, now)
        else:
            timeout = worker.outcome == "timeout"
            again = worker.outcome != "never"
            model.failed(turn, worker.number, now, again=again, timeout=timeout)


def told(model: Model, turn: str, answer: Answer, now: int) -> None:
    """Tell the model that an answer was recorded."""
    model.answered(
        turn, now,
        texts=answer.messages, handover=answer.handover is not None, finish=answer.finish,
    )  # fmt: skip
