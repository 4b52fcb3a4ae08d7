"""The whole story, played through public doors only: who acts is at the helpdesk, we only look.

Each step waits for what must become true and raises NotHappened if it does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gateway.demo.doors import HelpDesk, NotHappened, Observer, Part, Patience
from gateway.demo.stage import TEAM, TEAMMATE_ADMIN
from gateway.demo.steps import Step

Json = dict[str, Any]

# Silence is watched for at least so long, and so many times as long as an answer took.
SILENCE_S = 3.0
SILENCE_TIMES = 3
# All is over once nothing has been on its way for so long.
CALM_S = 1.0
QUESTION = "Hello! Where is my order FL-1077?"
UNDER_A_PERSON = "Can I still change the engraving to “Nora”?"
TEAMMATES_WORDS = "I have changed the engraving to “Nora”. The lights leave us on Thursday."
AFTERWARDS = "Lovely, thank you Aoife. What does shipping to Spain cost?"
REFUND = "I see that I was charged twice. I want a refund of 640 EUR."


class Story:
    """A customer, an AI and a teammate in one conversation, and a bystander in another."""

    def __init__(self, desk: HelpDesk, gateway: Observer, patience: Patience) -> None:
        self._desk, self._gateway, self._patience = desk, gateway, patience
        self._conversation = ""
        # How many words of the bot's seat had been there before the step began.
        self._heard = 0
        self._answer_took_s = 0.0

    def steps(self) -> Sequence[Step]:
        """What happens, in order."""
        steps = (
            ("A customer writes, and the AI answers", self._the_ai_answers),
            ("Aoife assigns the conversation to herself", self._a_teammate_takes_over),
            ("The customer writes again, and the AI keeps silent", self._the_ai_is_silent),
            ("Aoife answers", self._the_teammate_answers),
            ("Aoife assigns the conversation back to the AI", self._the_ai_resumes),
            ("The customer wants more than the AI may give", self._the_ai_hands_over),
        )
        return [Step(title, partial(self._begin, play), self._messages) for title, play in steps]

    def _begin(self, play: Callable[[], str]) -> str:
        self._heard = len(self._heard_from_bot()) if self._conversation else 0
        return play()

    # -- the steps -------------------------------------------------------------------------------

    def _the_ai_answers(self) -> str:
        asked = time.monotonic()
        self._conversation = self._desk.customer_starts(
            "Nora Kelly", "nora@kelly.example", QUESTION
        )
        said = self._bot_says("FL-1077")
        self._answer_took_s = time.monotonic() - asked
        self._patience.wait("mode ai at the gateway's API", lambda: self._mode() == "ai")
        return f"the customer has the AI's answer after {self._answer_took_s:.1f} s: {_shown(said)}"

    def _a_teammate_takes_over(self) -> str:
        self._desk.assign(self._conversation, f"admin:{TEAMMATE_ADMIN}", by=TEAMMATE_ADMIN)
        self._patience.wait("mode human at the gateway's API", lambda: self._mode() == "human")
        session = self._session()
        self._expect(
            session["responsible"].get("name") == "Aoife Byrne",
            f"responsible is {session['responsible']}, not Aoife Byrne",
        )
        markers = [one["text"] for one in self._messages() if one["kind"] == "marker"]
        self._expect(
            any(text.startswith("Transfer to human agent at ") for text in markers),
            f"no marker tells of the transfer: {markers}",
        )
        self._expect(
            any("Aoife Byrne was assigned by Aoife Byrne at " in text for text in markers),
            f"no marker tells of the assignment: {markers}",
        )
        return "mode human, responsible Aoife Byrne, and the history has both markers"

    def _the_ai_is_silent(self) -> str:
        """Silence is not slowness: the same AI answers somebody else meanwhile."""
        began = time.monotonic()
        self._desk.customer_writes(self._conversation, UNDER_A_PERSON)
        other = self._desk.customer_starts(
            "Tom Walsh", "tom@walsh.example", "Hi, when are you open?"
        )
        long_enough = max(SILENCE_S, SILENCE_TIMES * self._answer_took_s)
        answered_after: float | None = None

        def watched() -> bool:
            nonlocal answered_after
            if len(self._heard_from_bot()) > self._heard:
                raise NotHappened("the AI spoke although Aoife is in charge")
            passed = time.monotonic() - began
            if answered_after is None and self._desk.bot_words(other):
                answered_after = passed
            return answered_after is not None and passed >= max(long_enough, 2 * answered_after)

        self._patience.wait("an answer to another customer, and silence here", watched, 60)
        self._expect(self._mode() == "human", f"the mode is {self._mode()}")
        queued = [
            one["text"]
            for one in self._messages()
            if one["author"]["kind"] == "ai" and one["state"] == "owed"
        ]
        self._expect(not queued, f"words of the AI are waiting to be sent: {queued}")
        passed = time.monotonic() - began
        return (
            f"no word from the AI in {passed:.1f} s, nothing waiting to be sent; "
            f"another customer, writing at the same time, was answered after "
            f"{answered_after:.1f} s"
        )

    def _the_teammate_answers(self) -> str:
        self._desk.reply(self._conversation, TEAMMATES_WORDS, by=TEAMMATE_ADMIN)
        self._patience.wait(
            "Aoife's words in the gateway's history",
            lambda: any(
                one["author"]["kind"] == "operator" and TEAMMATES_WORDS in one["text"]
                for one in self._messages()
            ),
        )
        return "what Aoife wrote in the inbox is in the gateway's history"

    def _the_ai_resumes(self) -> str:
        self._desk.customer_writes(self._conversation, AFTERWARDS)
        self._patience.wait(
            "the customer's words in the gateway's history",
            lambda: any(AFTERWARDS in one["text"] for one in self._messages()),
        )
        self._desk.assign(self._conversation, "bot", by=TEAMMATE_ADMIN)
        self._patience.wait("mode ai at the gateway's API", lambda: self._mode() == "ai")
        quoted = self._bot_says(TEAMMATES_WORDS)
        answer = self._bot_says("Shipping is")
        self._expect(
            int(quoted.id) <= int(answer.id), "the AI answered first and quoted Aoife afterwards"
        )
        return "mode ai; the AI quotes what Aoife said and answers what was still open"

    def _the_ai_hands_over(self) -> str:
        self._desk.customer_writes(self._conversation, REFUND)
        self._patience.wait("mode human at the gateway's API", lambda: self._mode() == "human")
        last_words = self._bot_says("640 EUR is more than I may decide")
        promise = self._bot_says("handing you over")
        note = self._patience.wait("a note for the team in the inbox", self._note)
        self._expect(
            int(last_words.id) < int(note.id) and int(last_words.id) < int(promise.id),
            "the AI's last words came after the note or after the promise of a person",
        )
        self._patience.wait("Support as the assignee in the inbox", self._is_with_support)
        self._stays_with_people()
        handover = self._session()["last_handover"]
        self._expect(handover["trigger"] == "automatic", f"the trigger is {handover['trigger']}")
        self._expect("640" in handover["reason"], f"the reason is {handover['reason']!r}")
        return (
            f"mode human by the AI's own decision (“{handover['reason']}”); the inbox has its last "
            "words, a note for the team, the promise of a person, and Support as the assignee"
        )

    def _stays_with_people(self) -> None:
        """Our own doings come back as notifications: they must not undo the handover."""
        calm_since = time.monotonic()

        def calm() -> bool:
            nonlocal calm_since
            owed = any(one["state"] == "owed" for one in self._messages())
            if owed or self._desk.is_telling():
                calm_since = time.monotonic()
            return time.monotonic() - calm_since >= CALM_S

        self._patience.wait("everything to be sent and told", calm)
        self._expect(self._mode() == "human", f"the mode is {self._mode()} again")
        self._expect(
            self._is_with_support(),
            f"the assignee is {self._desk.assignee(self._conversation)}, no longer Support",
        )

    def _is_with_support(self) -> bool:
        return self._desk.assignee(self._conversation) == f"team:{TEAM}"

    # -- looking ---------------------------------------------------------------------------------

    def _bot_says(self, words: str) -> Part:
        def said() -> Part | None:
            since = self._heard_from_bot()[self._heard :]
            return next((one for one in since if words in one.text), None)

        return self._patience.wait(f"the AI's words “{words}” in the inbox", said)

    def _heard_from_bot(self) -> Sequence[Part]:
        return self._desk.bot_words(self._conversation)

    def _note(self) -> Part | None:
        notes = [one for one in self._desk.parts(self._conversation) if one.kind == "note"]
        return next((one for one in notes if one.by_bot and "640" in one.text), None)

    def _session(self) -> Json:
        session = self._gateway.session_of(self._conversation)
        if session is None:
            raise NotHappened("the gateway has no session of this conversation")
        return session

    def _mode(self) -> str | None:
        session = self._gateway.session_of(self._conversation)
        return None if session is None else str(session["mode"])

    def _messages(self) -> Sequence[Json]:
        return self._gateway.messages(self._session()["id"])

    def _expect(self, true: bool, otherwise: str) -> None:
        if not true:
            raise NotHappened(otherwise)


def _shown(part: Part) -> str:
    line = " ".join(part.text.split())
    return f"“{line if len(line) < 80 else line[:79] + '…'}”"
