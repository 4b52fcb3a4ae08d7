"""Human Agents: where operators answer."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from gateway.clock import to_micros
from gateway.console.desk import Desks, View, refusal_for, sections
from gateway.console.history import Histories
from gateway.console.rooms import MAY_ACT, Pages
from gateway.people import teams
from gateway.people.routing import may_take
from gateway.rails.answers import json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.with_people import count_desk, find_at_desk, find_desk, find_teams
from gateway.store import Transaction

_PARTS = "/parts/human-agents"


def add_human_agents_pages(pages: Pages) -> None:
    """Add them, and the parts that they read anew."""
    parts = pages.parts
    desks, histories = Desks(parts), Histories(pages)

    def queue(db: Transaction, session_id: str | None) -> dict[str, Any]:
        me, view = pages.operator(), View.of(request.args)
        desk = find_desk(db, desks.seat(me), view.filter, refusal=refusal_for(me))
        cards = [desks.card(me, told) for told in desk.items]
        return {
            "view": view,
            "counts": desk.counts,
            "more": desk.more,
            "sections": sections(cards, view.group),
            "open_id": session_id,
        }

    def talk(db: Transaction, session_id: str) -> dict[str, Any]:
        me = pages.operator()
        told = find_at_desk(db, desks.seat(me), session_id, refusal=refusal_for(me))
        return {"card": desks.card(me, told), "session": told, "view": View.of(request.args)}

    @pages.page("/human-agents", roles=MAY_ACT, title="Human Agents")
    def human_agents() -> Response:
        with parts.database.read() as db:
            return pages.render("human_agents/list.html", **queue(db, None))

    @pages.page("/human-agents/<session_id>", roles=MAY_ACT, title="Human Agents")
    def human_agents_session(session_id: str) -> Response:
        session_id = checked_id("ses", session_id)
        with parts.database.read() as db:
            context = talk(db, session_id) | queue(db, session_id)
            history = histories.latest(db, session_id)
        return pages.render("human_agents/session.html", **context, history=history, desk=True)

    @pages.page(f"{_PARTS}/queue", roles=MAY_ACT)
    def human_agents_queue() -> Response:
        opened = request.args.get("open", "")
        with parts.database.read() as db:
            context = queue(db, checked_id("ses", opened) if opened else None)
        return pages.render("human_agents/queue.html", **context)

    @pages.page(f"{_PARTS}/head/<session_id>", roles=MAY_ACT)
    def human_agents_head(session_id: str) -> Response:
        with parts.database.read() as db:
            context = talk(db, checked_id("ses", session_id))
        return pages.render("human_agents/head.html", **context)

    @pages.page(f"{_PARTS}/people/<session_id>", roles=MAY_ACT)
    def human_agents_people(session_id: str) -> Response:
        """Whom a session can be given to."""
        session_id = checked_id("ses", session_id)
        seen = parts.presences.read()
        with parts.database.read() as db:
            context = talk(db, session_id)
            place = context["card"].place
            members = [
                member.candidate
                for member in parts.availability.roster(db, seen, to_micros(parts.clock.now()))
                if member.candidate.active and member.candidate.role in MAY_ACT
            ]
            known = (
                find_teams(db, place.channel)
                if place.tool
                else [(team.id, team.name) for team in teams.find_all(db)]
            )
        people = [
            {
                "who": one,
                "why_not": may_take(one)
                or (
                    f"{one.name} is not linked to a person in {place.channel}"
                    if place.tool and place.channel not in one.links
                    else ""
                ),
            }
            for one in sorted(members, key=lambda one: (one.name.casefold(), one.id))
        ]
        return pages.render("human_agents/people.html", **context, people=people, teams=known)

    @pages.page(f"{_PARTS}/waiting", roles=MAY_ACT)
    def human_agents_waiting() -> Response:
        """How many wait to be accepted: the number that every page shows."""
        with parts.database.read() as db:
            counts = count_desk(db, desks.seat(pages.operator()))
        return json_answer({"waiting": counts.waiting, "mine": counts.mine})
