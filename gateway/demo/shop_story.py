"""The second half of the story: a visitor of the shop's page, and no helpdesk behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.demo.doors import NotHappened, Observer, Patience, Shopper
from gateway.demo.steps import Step

Json = dict[str, Any]

QUESTION = "Is the Fenlight One waterproof?"
WISH = "Good. Can I talk to a person about a group order?"
PEOPLES_WORDS = "Aoife here. From ten lights on we take 15 % off."
AFTERWARDS = "Great! And what does shipping cost?"


class ShopStory:
    """A visitor, the AI, and a person who answers through the API."""

    def __init__(self, shopper: Shopper, gateway: Observer, patience: Patience) -> None:
        self._shopper, self._gateway, self._patience = shopper, gateway, patience
        self._session = ""

    def steps(self) -> Sequence[Step]:
        """What happens, in order."""
        return [
            Step("A visitor of the shop's page asks the AI", self._the_ai_answers, self._said),
            Step("The visitor wants a person, and Aoife comes", self._a_person_comes, self._said),
            Step("Aoife puts the AI back in charge", self._the_ai_resumes, self._said),
        ]

    def _the_ai_answers(self) -> str:
        self._shopper.begin()
        self._session = self._shopper.write(QUESTION)
        self._hears("made for Irish rain", "ai")
        return "the widget shows the AI's answer"

    def _a_person_comes(self) -> str:
        self._shopper.write(WISH)
        self._hears("handing you over", "system")
        waiting = self._patience.wait(
            "the session among those that wait",
            lambda: [one for one in self._gateway.sessions(mode="human") if self._is_mine(one)],
        )
        if waiting[0]["waiting_since"] is None:
            raise NotHappened("nobody was asked to come")
        self._gateway.act(self._session, "accept")
        self._gateway.act(self._session, "messages", text=PEOPLES_WORDS)
        shown = self._hears(PEOPLES_WORDS, "operator")
        if shown["author"]["name"] != "Aoife Byrne":
            raise NotHappened(f"the widget says that {shown['author']['name']} wrote this")
        return "Aoife accepted at the API and answered there; the widget shows it under her name"

    def _the_ai_resumes(self) -> str:
        self._gateway.act(self._session, "hand_back")
        self._shopper.write(AFTERWARDS)
        self._hears("Shipping is 4.90 EUR", "ai")
        return "the AI answers again"

    def _hears(self, words: str, by: str) -> Json:
        heard = self._patience.wait(f"“{words}” in the widget", lambda: self._shopper.hears(words))
        if heard["author"]["kind"] != by:
            raise NotHappened(f"the widget says that the {heard['author']['kind']} wrote “{words}”")
        return heard

    def _is_mine(self, session: Json) -> bool:
        return bool(session["id"] == self._session)

    def _said(self) -> Sequence[Json]:
        return self._gateway.messages(self._session) if self._session else []
