"""What should be: people, an AI and customers as DESIGN.md has them, without any of our code.

Times are in µs. A `Care` is a chat session; what customers see are plain lists of words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

S = 1_000_000
DAY = 86_400


class Step(NamedTuple):
    """What is done when somebody has waited so long (s) on a step of the ladder."""

    step: str
    after: int
    do: str
    text: str = ""


BUSY = "Everybody is still busy. You are number {position} in the queue."
TAKEN = "We could not reach anybody for you. Your messages are kept, and will be answered here."
AWAY = "Nobody of our team is here right now. Your messages are kept, and will be answered here."
DOCUMENTED = (
    Step("accept", 300, "tell_customer", BUSY),
    Step("accept", 300, "notify"),
    Step("accept", 900, "widen"),
    Step("accept", 3_600, "take_message", TAKEN),
    Step("first_reply", 900, "notify"),
    Step("first_reply", 1_800, "offer_next"),
    Step("reply", DAY, "notify"),
)
"""The ladder of docs/configuration.md."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How this desk is set up. `promise` is what is said once somebody was handed over."""

    ladder: Sequence[Step] = DOCUMENTED
    promise: str = "A colleague is coming. You are number {position}."
    first_mode: str = "ai"
    round_robin: bool = False
    idle: int = DAY

    def on(self, step: str, number: int) -> Step:
        """The rung with this number; after the last one, a reminder a day."""
        rungs = sorted((one for one in self.ladder if one.step == step), key=lambda one: one.after)
        if number < len(rungs):
            return rungs[number]
        last = rungs[-1].after if rungs else 0
        return Step(step, last + DAY * (number - len(rungs) + 1), "notify")

    def silent_until(self, step: str) -> int | None:
        """After how long (s) the last words, or the last change of hands, come on a step."""
        ends = [one.after for one in self.ladder if one.step == step and one.do not in ("notify",)]
        return max(ends, default=None)


@dataclass(kw_only=True)
class Care:
    """One session. `who` is an operator, the AI, or nobody (None); `era` counts changes of mode.

    `called`: people were called, they did not come by themselves; `replied`: they have replied
    since. `since`: nobody has it since; `held`: whoever has it, has had it since; `unanswered`:
    words of the customer's stand unanswered since. `excused`: the AI chose to say nothing.
    """

    id: str
    conversation: str
    mode: str
    who: str | None
    era: int = 0
    finished: bool = False
    called: bool = False
    replied: bool = False
    since: int | None = None
    held: int | None = None
    unanswered: int | None = None
    climbed: int = 0
    climbing: tuple[str, int] | None = None
    promise: bool = False
    drafts: dict[str, str] = field(default_factory=dict)
    said: int = 0
    said_at: int = 0
    unasked: int | None = None
    excused: bool = False

    @property
    def wait(self) -> tuple[str, int] | None:
        """What the customer waits for people to do, and since when."""
        if self.finished or self.mode == "ai":
            return None
        if self.who is None or self.who == "ai":
            since = self.since if self.who is None else self.unanswered
            return None if since is None else ("accept", since)
        held = self.held or 0
        if not self.replied and self.called:
            return "first_reply", held
        if self.unanswered is None:
            return None
        return ("reply", self.unanswered) if self.replied else (
            "first_reply", max(held, self.unanswered)
        )  # fmt: skip

    @property
    def rung(self) -> int | None:
        """How many rungs of the ladder have been climbed in this wait."""
        if self.wait is None:
            return None
        return self.climbed if self.climbing == self.wait else 0


@dataclass(kw_only=True)
class Asked:
    """A question to the AI: in which era it is, and how much had been said when it was asked."""

    care: Care
    era: int
    first: int
    upto: int = 0
    tries: int = 0
    timeouts: int = 0
    open: bool = True
    answered: bool = False
    retrying: bool = False
    reply_by: int | None = None


class Model:
    """The desk as it should be."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.cares: dict[str, Care] = {}
        self.asked_: dict[str, Asked] = {}
        self.seen: dict[str, list[str]] = {}
        self.open = True

    # -- words -------------------------------------------------------------------------------------

    def say(self, care: Care, text: str, now: int, by: str) -> None:
        """Somebody says something that the customer sees (or said)."""
        self.seen.setdefault(care.conversation, []).append(text)
        care.said += 1
        care.said_at = now
        self.expire(care)
        if by == "customer":
            care.unanswered = care.unanswered or now
            care.unasked, care.excused = care.unasked or now, False
        elif by == "operator":
            care.unanswered = None
            care.replied, care.promise = True, False
        elif by == "ai":
            assert care.mode == "ai", "the AI spoke among people"
            care.unanswered = care.unasked  # what it had not been told, it did not answer

    def expire(self, care: Care) -> None:
        """Drafts are old."""
        care.drafts = {
            text: "expired" if state == "open" else state for text, state in care.drafts.items()
        }

    def active(self, conversation: str) -> Care | None:
        """The session that is going on in a conversation."""
        for care in self.cares.values():
            if care.conversation == conversation and not care.finished:
                return care
        return None

    def customer(self, id: str, conversation: str, text: str, now: int) -> None:
        """The customer says something; it is in session `id`."""
        care = self.active(conversation)
        if care is None:
            assert id not in self.cares, "said in a session that is over"
            mode = self.rules.first_mode
            care = self.cares[id] = Care(id=id, conversation=conversation, mode=mode, who="ai")
        assert care.id == id
        self.say(care, text, now, "customer")

    # -- hands -------------------------------------------------------------------------------------

    def to(self, care: Care, mode: str) -> None:
        """Change the mode."""
        if care.mode != mode:
            if care.mode == "copilot":
                self.expire(care)
            if care.mode == "ai":
                care.called = care.replied = False
            care.mode = mode
            care.era += 1
            care.excused = False

    def hold(self, care: Care, who: str | None, now: int) -> None:
        """Somebody has it from now on, or nobody."""
        if who is None:
            care.held, care.since = None, now
        else:
            if care.who != who or care.held is None:
                care.held = now
            care.since = None
        care.who = who

    def hand_over(
        self, care: Care, now: int, *, who: str | None = None, words: Sequence[str] = ()
    ) -> None:
        """People are called; the customer is told what is true."""
        for text in words:
            self.say(care, text, now, "ai")
        self.to(care, "human")
        self.hold(care, who, now)
        care.called = True
        welcome = self.rules.promise if self.open else AWAY
        care.promise = bool(welcome) and self.open
        if welcome:
            self.say(care, self.fill(care, welcome), now, "system")

    def fill(self, care: Care, text: str) -> str:
        """Words with the place in the queue."""
        return text.replace("{position}", str(self.place(care)))

    def place(self, care: Care) -> int:
        """How many wait for somebody at least as long as this one."""
        mine = care.wait
        if mine is None:
            return 1
        waits = [one.wait for one in self.cares.values()]
        return max(1, sum(1 for one in waits if one and one[0] == "accept" and one[1] <= mine[1]))

    def give_back(self, care: Care) -> None:
        """The AI is in charge again."""
        self.to(care, "ai")
        care.who, care.since, care.held = "ai", None, None
        care.promise = False

    def release(self, care: Care, now: int) -> None:
        """Nobody has it any more."""
        self.to(care, "human")
        self.hold(care, None, now)

    def finish(self, care: Care) -> None:
        """It is over."""
        self.expire(care)
        care.finished, care.promise = True, False
        care.era += 1

    # -- time --------------------------------------------------------------------------------------

    def climb(self, care: Care, now: int) -> None:
        """Do what is due on the ladder; of several words the last ones are said."""
        words = ""
        for _ in range(20):
            wait, rung = care.wait, care.rung
            if wait is None or rung is None:
                break
            step = self.rules.on(wait[0], rung)
            if wait[1] + step.after * S > now:
                break
            care.climbing, care.climbed = wait, rung + 1
            words = step.text or words
            if step.do == "take_message":
                care.promise = False
            elif step.do == "return_to_ai":
                self.give_back(care)
            elif step.do == "offer_next" and wait[0] != "accept":
                self.release(care, now)
        if words and care.wait is not None:
            self.say(care, self.fill(care, words), now, "system")

    def idle(self, care: Care, now: int) -> None:
        """What the AI has and where nobody speaks any more is over, unless an answer is owed."""
        owed = care.unanswered is not None and not care.excused
        quiet = care.said_at < now - self.rules.idle * S
        if not care.finished and care.mode == "ai" and quiet and not owed:
            self.finish(care)

    # -- the AI ------------------------------------------------------------------------------------

    def ask(self, turn: str, session: str, now: int) -> None:
        """The AI is asked."""
        care = self.cares[session]
        assert not care.finished
        assert care.mode != "human", "the AI was asked among people"
        one = self.asked_.setdefault(turn, Asked(care=care, era=care.era, first=now))
        assert one.era == care.era
        assert one.open
        one.upto, one.reply_by, one.retrying = care.said, None, False
        one.tries += 1
        care.unasked = None

    def counts(self, one: Asked) -> bool:
        """Is it still the same state of affairs?"""
        care = one.care
        same = one.open and one.era == care.era and not care.finished
        return same and (care.mode == "ai" or (care.mode == "copilot" and one.upto == care.said))

    def answered(
        self, turn: str, now: int, *, texts: Sequence[str], handover: bool, finish: bool
    ) -> None:
        """The AI answers: said, drafted, or for nothing."""
        one = self.asked_[turn]
        care = one.care
        counts = self.counts(one)
        one.answered, one.open = True, False
        if not counts:
            return
        if care.mode == "copilot":
            care.drafts |= dict.fromkeys(texts, "open")
        elif handover:
            self.hand_over(care, now, words=texts)
        else:
            ends = finish and care.unasked is None
            for text in texts:
                self.say(care, text, now, "ai")
            care.excused = not texts and care.unasked is None
            if ends:
                self.finish(care)

    def failed(self, turn: str, number: int, now: int, *, again: bool, timeout: bool) -> None:
        """The AI could not be asked: asked again for a while, then people are called."""
        one = self.asked_[turn]
        if not one.open or one.era != one.care.era or one.reply_by or one.tries != number:
            return
        if one.retrying:
            return
        one.timeouts += timeout
        patient = now - one.first < 20 * S or (timeout and one.timeouts < 2)
        one.retrying = again and patient
        if not one.retrying:
            self.give_up(one, now)

    def later(self, turn: str, now: int) -> None:
        """The AI says that it will answer later."""
        one = self.asked_[turn]
        if one.open and one.era == one.care.era and not one.retrying and one.reply_by is None:
            one.reply_by = now + 120 * S

    def give_up(self, one: Asked, now: int) -> None:
        """No dead air."""
        one.open = False
        if one.era == one.care.era and one.care.mode == "ai" and not one.care.finished:
            self.hand_over(one.care, now)

    # -- refusals ----------------------------------------------------------------------------------

    def refusal(
        self, what: str, care: Care, who: str, target: str, names: Mapping[str, str]
    ) -> str | None:
        """Why an operator who may act is refused; the beginning of the sentence."""
        if what == "note":
            return None
        if care.finished:
            return "Session is already finished"
        ai = care.mode == "ai"
        match what:
            case "hand_over" if not ai:
                return "Session is already handled by an operator"
            case "accept" | "release" if ai:
                return "Session is handled by the AI; hand it over first"
            case "accept" if care.who == who:
                return "You have accepted this session already"
            case "accept" if care.who not in (None, "ai"):
                return f"Session was already accepted by {names[care.who or '']}"
            case "release" if care.who in (None, "ai"):
                return "Session is not assigned to anybody"
            case "assign" if not ai and care.who == target:
                return f"Session is already assigned to {names[target]}"
            case "hand_back" if ai:
                return "Session is already handled by the AI"
            case "copilot_on" if care.mode == "copilot":
                return "Copilot is already on"
            case "copilot_off" if care.mode != "copilot":
                return "Copilot is already off"
            case _:
                return None
