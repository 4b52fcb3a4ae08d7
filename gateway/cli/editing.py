"""Commands that change the people inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.people import ROLES, check_channel, operators, read_links, read_password, told
from gateway.cli.settings import open_record, read_settings

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.people.editing import Profile
    from gateway.store import Transaction

__all__ = ["operators"]

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@operators.command("edit")
@click.argument("email")
@click.option("--name", help="How the person is called.")
@click.option("--role", type=click.Choice(ROLES), help="What they may do.")
@click.option("--max-sessions", type=int, help="How many open sessions they may have at most.")
@click.option("--no-limit", is_flag=True, help="As many open sessions as there are.")
@click.option(
    "--working-hours",
    metavar="HOURS",
    help='Such as "Mon-Fri 09:00-17:00"; "default" for the workspace\'s.',
)
@click.option("--day-off", "days_off", multiple=True, type=_DAY, help="A day; may be repeated.")
@click.option("--day-on", "days_on", multiple=True, type=_DAY, help="A day off that is none.")
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A team to join.")
@click.option("--leave-team", "left", multiple=True, metavar="NAME", help="A team to leave.")
@click.option("--link", "links", multiple=True, metavar="CHANNEL:ADMIN_ID", help="As in `add`.")
@click.option("--unlink", "unlinked", multiple=True, metavar="CHANNEL", help="End a link.")
def edit_operator(
    email: str,
    name: str | None,
    role: str | None,
    max_sessions: int | None,
    no_limit: bool,
    working_hours: str | None,
    days_off: Sequence[datetime],
    days_on: Sequence[datetime],
    teams: Sequence[str],
    left: Sequence[str],
    links: Sequence[str],
    unlinked: Sequence[str],
) -> None:
    """Change a person; what is not named stays."""
    if no_limit and max_sessions is not None:
        raise click.UsageError("--max-sessions and --no-limit exclude each other")
    settings = read_settings()
    wanted: dict[str, str | None] = dict(read_links(settings, links))
    for channel in unlinked:
        check_channel(settings, channel)
        wanted[channel] = None

    def changes(db: Transaction, known: Profile) -> dict[str, Any]:
        from gateway.people.teams import find_by_name

        found: dict[str, Any] = {}
        if name is not None:
            found["name"] = name
        if role is not None:
            found["role"] = role
        if no_limit or max_sessions is not None:
            found["max_sessions"] = max_sessions
        if working_hours is not None:
            found["working_hours"] = None if working_hours == "default" else working_hours
        if days_off or days_on:
            off = {datetime.fromisoformat(day).date() for day in known["days_off"]}
            off |= {day.date() for day in days_off}
            found["days_off"] = off - {day.date() for day in days_on}
        if teams or left:
            joined = set(known["team_ids"]) | {find_by_name(db, team).id for team in teams}
            found["team_ids"] = joined - {find_by_name(db, team).id for team in left}
        if wanted:
            found["links"] = wanted
        return found

    _change(settings, email, "edit_operator", changes)


@operators.command("password")
@click.argument("email")
@click.option(
    "--password-stdin", is_flag=True, required=True,
    help="Read the password from standard input's first line.",
)  # fmt: skip
def set_password(email: str, password_stdin: bool) -> None:
    """Set the password with which EMAIL signs in to the console; ends their sign-ins."""
    from gateway.audit import Thing, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people import passwords, signins
    from gateway.people.operators import find

    kept = passwords.hashed(read_password())

    def keep(db: Transaction) -> str:
        person = find(db, email)
        signins.set_password(db, person.id, kept)
        now = to_micros(SystemClock().now())
        write(db, command_line(), "set_operator_password", Thing("operator", person.id), now=now)
        return person.email

    with open_record(read_settings()) as database:
        click.echo(f"{database.write(keep)} has a new password")


@operators.command("unlink")
@click.argument("email")
def unlink_operator(email: str) -> None:
    """Forget who EMAIL is at the identity provider; ends their sign-ins.

    The next person for whom the provider has verified this address is EMAIL from then on.
    """
    from gateway.audit import Thing, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people import identities
    from gateway.people.operators import find

    def keep(db: Transaction) -> tuple[str, int]:
        person = find(db, email)
        now = to_micros(SystemClock().now())
        gone = identities.unlink(db, person.id)
        if gone:
            write(db, command_line(), "unlink_identity", Thing("operator", person.id), now=now)
        return person.email, gone

    with open_record(read_settings()) as database:
        who, gone = database.write(keep)
    click.echo(f"{who} is linked to nobody{'' if gone else ', as before'}")


@operators.command("deactivate")
@click.argument("email")
def deactivate_operator(email: str) -> None:
    """End a person's access: tokens for good, password and offers until they are activated.

    Nobody is deleted, since history names them.
    """
    _change(read_settings(), email, "deactivate_operator", lambda *_: {"active": False})


@operators.command("activate")
@click.argument("email")
def activate_operator(email: str) -> None:
    """Let a person in again who was deactivated; they need new tokens."""
    _change(read_settings(), email, "activate_operator", lambda *_: {"active": True})


def _change(
    settings: Settings,
    email: str,
    action: str,
    wanted: Callable[[Transaction, Profile], dict[str, Any]],
) -> None:
    from gateway.audit import Thing, changes, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people.editing import edit, profile
    from gateway.people.operators import find

    def keep(db: Transaction) -> tuple[list[str], bool]:
        now = to_micros(SystemClock().now())
        person = find(db, email)
        change = edit(db, person.id, wanted(db, profile(db, person.id)), now)
        before, after = changes(change.before, change.after)
        if after:
            thing = Thing("operator", person.id)
            write(db, command_line(), action, thing, before, after, now=now)
        return told(db, find(db, email)), bool(after)

    with open_record(settings) as database:
        words, changed = database.write(keep)
    click.echo(f"{'changed' if changed else 'the same as before:'} {'  '.join(words)}")
