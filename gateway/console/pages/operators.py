"""Operators: the people inside; what may be changed of them is asked of the API."""

from __future__ import annotations

from flask import Response, request

from gateway.clock import to_micros
from gateway.console.people import Person, everybody, one
from gateway.console.rooms import ADMINS, Pages
from gateway.people import signins, teams, tokens
from gateway.rails.parsing import checked_id

SHOWN = ("active", "deactivated", "everybody")


def add_operator_pages(pages: Pages) -> None:
    """Add the list, and a page for each."""
    parts = pages.parts

    @pages.page("/operators", roles=ADMINS, title="Operators")
    def operators() -> Response:
        shown = request.args.get("show", "")
        shown = shown if shown in SHOWN else SHOWN[0]
        words = request.args.get("q", "").strip()[:100]
        people = everybody(parts)
        with parts.database.read() as db:
            known_teams = teams.find_all(db)
        found = [person for person in people if _wanted(person, shown, words)]
        return pages.render(
            "operators/list.html",
            people=found,
            teams=known_teams,
            team_names={team.id: team.name for team in known_teams},
            shown=shown,
            words=words,
            channels=sorted(parts.channels),
            total=len(people),
        )

    @pages.page("/operators/<operator_id>", roles=ADMINS, title="Operators")
    def operator(operator_id: str) -> Response:
        operator_id = checked_id("opr", operator_id)
        person = one(parts, operator_id)
        now = to_micros(parts.clock.now())
        with parts.database.read() as db:
            known_teams = [(team.id, team.name) for team in teams.find_all(db)]
            known_tokens = tokens.of_operator(db, operator_id)
            signed_in = signins.of_operator(db, operator_id, now)
        return pages.render(
            "operators/operator.html",
            person=person,
            teams=known_teams,
            tokens=known_tokens,
            signed_in=signed_in,
            channels=sorted(parts.channels),
        )


def _wanted(person: Person, shown: str, words: str) -> bool:
    active = person.candidate.active
    if (shown == "active" and not active) or (shown == "deactivated" and active):
        return False
    text = f"{person.candidate.name} {person.candidate.email}".casefold()
    return all(word in text for word in words.casefold().split())
