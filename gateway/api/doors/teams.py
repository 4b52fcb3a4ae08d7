"""Doors to teams: every role looks, administrators change them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from gateway import audit
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.operators import (
    GoneSchema,
    NewTeamBody,
    TeamBody,
    TeamListSchema,
    TeamSchema,
)
from gateway.audit import Thing
from gateway.clock import to_micros
from gateway.errors import Conflict
from gateway.people import teams
from gateway.people.editing import Change
from gateway.people.teams import Team
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import to_time
from gateway.store import Transaction
from gateway.wiring import Parts


def add_team_doors(room: Room, parts: Parts) -> None:
    """Add the doors."""
    database = parts.database

    def once(body: Arguments, work: Callable[[Transaction], Acted]) -> Response:
        now = to_micros(parts.clock.now())
        return act_once(database, operator().id, body, now, parts.waker.wake, work)

    def keep_named(db: Transaction, team_id: str) -> None:
        """Raise Conflict if the settings know this team by its name."""
        name = teams.find(db, team_id).name
        for agent in parts.agents.values():
            if agent.team == name:
                raise Conflict(f"[agents.{agent.name}] names the team {name}; change that first")

    @room.door("GET", "/teams", gives=TeamListSchema)
    def list_teams() -> Response:
        """List all teams by name"""
        with database.read() as db:
            items = [_to_json(team) for team in teams.find_all(db)]
        return json_answer({"items": items, "next_cursor": None})

    @room.door(
        "POST",
        "/teams",
        takes=NewTeamBody,
        gives=TeamSchema,
        status=201,
        roles=ADMINS,
        refuses=(404,),
    )
    def add_team(body: Arguments) -> Response:
        """Make a team"""
        now = to_micros(parts.clock.now())

        def work(db: Transaction) -> Acted:
            team = teams.add(db, body["name"], body.get("member_ids", ()), now)
            thing = Thing("team", team.id)
            return Acted(body=_to_json(team), status=201, after=team.profile(), thing=thing)

        return once(body, work)

    @room.door("GET", "/teams/<team_id>", gives=TeamSchema)
    def get_team(team_id: str) -> Response:
        """Get one team"""
        team_id = checked_id("tea", team_id)
        with database.read() as db:
            return json_answer(_to_json(teams.find(db, team_id)))

    @room.door("PATCH", "/teams/<team_id>", takes=TeamBody, gives=TeamSchema, roles=ADMINS)
    def change_team(body: Arguments, team_id: str) -> Response:
        """Change a team's name, or who is in it"""
        team_id = checked_id("tea", team_id)

        def work(db: Transaction) -> Acted:
            if "name" in body and body["name"] != teams.find(db, team_id).name:
                keep_named(db, team_id)
            return _changed(db, team_id, teams.edit(db, team_id, **body))

        return once(body, work)

    @room.door(
        "DELETE",
        "/teams/<team_id>",
        takes=NothingBody,
        required=False,
        gives=GoneSchema,
        roles=ADMINS,
    )
    def remove_team(body: Arguments, team_id: str) -> Response:
        """Remove a team; its members stay operators"""
        team_id = checked_id("tea", team_id)

        def work(db: Transaction) -> Acted:
            keep_named(db, team_id)
            return Acted(body={"id": team_id}, before=teams.remove(db, team_id).before)

        return once(body, work)

    @room.door(
        "PUT",
        "/teams/<team_id>/members/<operator_id>",
        takes=NothingBody,
        required=False,
        gives=TeamSchema,
        roles=ADMINS,
    )
    def add_member(body: Arguments, team_id: str, operator_id: str) -> Response:
        """Take an operator into a team"""
        team_id, operator_id = checked_id("tea", team_id), checked_id("opr", operator_id)

        def work(db: Transaction) -> Acted:
            return _changed(db, team_id, teams.join(db, team_id, operator_id))

        return once(body, work)

    @room.door(
        "DELETE",
        "/teams/<team_id>/members/<operator_id>",
        takes=NothingBody,
        required=False,
        gives=TeamSchema,
        roles=ADMINS,
    )
    def remove_member(body: Arguments, team_id: str, operator_id: str) -> Response:
        """Take an operator out of a team"""
        team_id, operator_id = checked_id("tea", team_id), checked_id("opr", operator_id)

        def work(db: Transaction) -> Acted:
            return _changed(db, team_id, teams.leave(db, team_id, operator_id))

        return once(body, work)


def _changed(db: Transaction, team_id: str, change: Change) -> Acted:
    before, after = audit.changes(change.before, change.after)
    return Acted(body=_to_json(teams.find(db, team_id)), before=before, after=after)


def _to_json(team: Team) -> Json:
    return {
        "id": team.id,
        "name": team.name,
        "member_ids": list(team.member_ids),
        "created_at": to_time(team.created_at),
    }
