"""Commands for teams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from gateway.cli.settings import open_record, read_settings
from gateway.errors import Conflict

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.people.editing import Change
    from gateway.store import Transaction


@click.group()
def teams() -> None:
    """Teams of operators; an agent's setting `team` names one."""


@teams.command("add")
@click.argument("name")
def add_team(name: str) -> None:
    """Make a team; `gateway operators edit EMAIL --team NAME` takes people in."""
    from gateway.people.editing import Change
    from gateway.people.teams import add

    def work(db: Transaction, now: int) -> tuple[str, Change]:
        team = add(db, name, (), now)
        return team.id, Change(before={}, after=team.profile())

    _change(read_settings(), "add_team", work)
    click.echo(f"added {name}")


@teams.command("list")
def list_teams() -> None:
    """List all teams, a line each: name, and the e-mail addresses of those in it."""
    from sqlalchemy import select

    from gateway.people.teams import find_all
    from gateway.store.models import Operator

    with open_record(read_settings()) as database, database.read() as db:
        emails = {row.id: row.email for row in db.execute(select(Operator.id, Operator.email))}
        for team in find_all(db):
            click.echo("  ".join([team.name, *sorted(emails[id] for id in team.member_ids)]))


@teams.command("rename")
@click.argument("name")
@click.argument("new_name")
def rename_team(name: str, new_name: str) -> None:
    """Give a team another name. Put it into the settings that name the team, too."""
    from gateway.people.teams import edit, find_by_name

    def work(db: Transaction, now: int) -> tuple[str, Change]:
        id = find_by_name(db, name).id
        return id, edit(db, id, name=new_name)

    _change(read_settings(), "rename_team", work)
    click.echo(f"{name} is {new_name} now")


@teams.command("remove")
@click.argument("name")
def remove_team(name: str) -> None:
    """Remove a team; those in it stay operators."""
    from gateway.people.teams import find_by_name, remove

    settings = read_settings()
    for agent in settings.agents.values():
        if agent.team == " ".join(name.split()):
            raise Conflict(f"[agents.{agent.name}] names the team {name}; change that first")

    def work(db: Transaction, now: int) -> tuple[str, Change]:
        id = find_by_name(db, name).id
        return id, remove(db, id)

    _change(settings, "remove_team", work)
    click.echo(f"removed {name}")


def _change(
    settings: Settings, action: str, work: Callable[[Transaction, int], tuple[str, Change]]
) -> None:
    from gateway.audit import Thing, changes, command_line, write
    from gateway.clock import SystemClock, to_micros

    def keep(db: Transaction) -> None:
        now = to_micros(SystemClock().now())
        id, change = work(db, now)
        before, after = changes(change.before, change.after)
        write(db, command_line(), action, Thing("team", id), before, after, now=now)

    with open_record(settings) as database:
        database.write(keep)
