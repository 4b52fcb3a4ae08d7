"""Commands for the people inside and their API tokens."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.settings import open_record, read_settings
from gateway.errors import Conflict, NotFound

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.people.operators import Operator
    from gateway.store import Transaction

# As in gateway.people.operators, whose import takes a second: `--help` needs them.
ROLES = ("admin", "operator", "viewer")


@click.group()
def operators() -> None:
    """The people inside: who may read and act, and who they are in each channel."""


@operators.command("add")
@click.argument("email")
@click.option("--name", help="How the person is called; needed for a new one.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="Viewers read, operators act, admins do everything; needed for a new one.",
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input's first line."
)
@click.option(
    "--link",
    "links",
    multiple=True,
    metavar="CHANNEL:ADMIN_ID",
    help="Who the person is in a channel (their admin id in Intercom); may be repeated.",
)
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A team; may be repeated.")
@click.option("--max-sessions", type=int, help="How many open sessions they may have at most.")
def add_operator(
    email: str,
    name: str | None,
    role: str | None,
    password_stdin: bool,
    links: Sequence[str],
    teams: Sequence[str],
    max_sessions: int | None,
) -> None:
    """Add a person, or links and teams to one who is there.

    For an e-mail address that is there already only --link and --team change anything: saying the
    same name, role and limit again is fine (so a set-up script may run twice), others are refused.
    `gateway operators edit` changes them.
    """
    from gateway.audit import Thing, changes, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people.editing import edit
    from gateway.people.operators import add, find, link
    from gateway.people.teams import find_by_name, join

    password = read_password() if password_stdin else None
    settings = read_settings()
    wanted = read_links(settings, links)

    def keep(db: Transaction) -> tuple[list[str], bool]:
        now = to_micros(SystemClock().now())
        was = {}
        try:
            person, new = find(db, email), False
            was = shown(db, person)
        except NotFound:
            if name is None or role is None:
                missing = "--name" if name is None else "--role"
                raise click.UsageError(f"{email} is new: {missing} is missing") from None
            person = add(db, email=email, name=name, role=role, now=now, password=password)
            edit(db, person.id, {"max_sessions": max_sessions}, now)
            new = True
        else:
            _only_additions(person, name, role, password)
            if max_sessions not in (None, was["max_sessions"]):
                raise Conflict(f"`gateway operators edit {person.email}` changes the limit")
        for channel, external_id in wanted:
            link(db, person.id, channel, external_id)
        for team in teams:
            join(db, find_by_name(db, team).id, person.id)
        person = find(db, email)
        before, after = changes(was, shown(db, person))
        if after:
            thing = Thing("operator", person.id)
            action = "add_operator" if new else "link_operator"
            write(db, command_line(), action, thing, before, after, now=now)
        return told(db, person), new

    with open_record(settings) as database:
        words, new = database.write(keep)
    click.echo(f"{'added' if new else 'there already:'} {'  '.join(words)}")


def read_links(settings: Settings, links: Sequence[str]) -> list[tuple[str, str]]:
    """Read CHANNEL:ADMIN_ID; raises Unreadable, or NotFound for a channel that is not set."""
    from gateway.people.operators import read_link

    wanted = [read_link(text) for text in links]
    for channel, _ in wanted:
        check_channel(settings, channel)
    return wanted


def check_channel(settings: Settings, channel: str) -> None:
    """Raise NotFound for a channel that is not set; a workspace's begins with its app's name."""
    from gateway.config import IntercomAppSettings

    app, dot, _ = channel.partition(".")
    if isinstance(settings.channels.get(app), IntercomAppSettings) is not bool(dot) or (
        app not in settings.channels
    ):
        known = ", ".join(settings.channels) or "none"
        raise NotFound(f"there is no channel {channel}; there are: {known}")


def _only_additions(
    person: Operator, name: str | None, role: str | None, password: str | None
) -> None:
    same_name = name is None or " ".join(name.split()) == person.name
    if not same_name or role not in (None, person.role) or password is not None:
        raise Conflict(
            f"there is an operator {person.email} already ({person.name}, {person.role}); "
            "only --link and --team can be given for them; `gateway operators edit` changes them"
        )


def read_password() -> str:
    """The password in the first line of standard input."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("--password-stdin: standard input holds no password")
    return password


@operators.command("list")
def list_operators() -> None:
    """List everyone, a line each: e-mail address, name, role, links, and what else is set."""
    from sqlalchemy import select

    from gateway.people.operators import find
    from gateway.store.models import Operator

    with open_record(read_settings()) as database, database.read() as db:
        emails = db.scalars(select(Operator.email).order_by(Operator.email))
        for person in [find(db, email) for email in emails]:
            click.echo("  ".join(told(db, person)))


def shown(db: Transaction, person: Operator) -> dict[str, Any]:
    """What the audit tells of a person."""
    from gateway.people.editing import profile

    return {"email": person.email, **profile(db, person.id)}


def told(db: Transaction, person: Operator) -> list[str]:
    """A person in a line, word by word."""
    from gateway.people.editing import profile
    from gateway.people.teams import find

    known = profile(db, person.id)
    return [
        person.email,
        person.name,
        person.role,
        *(f"{channel}:{id}" for channel, id in sorted(person.links.items())),
        *(f"team:{find(db, id).name}" for id in known["team_ids"]),
        *([f"max:{known['max_sessions']}"] if known["max_sessions"] else []),
        *([f"hours:{known['working_hours']}"] if known["working_hours"] else []),
        *(f"off:{day}" for day in known["days_off"]),
        *([] if known["active"] else ["deactivated"]),
    ]


@click.group()
def tokens() -> None:
    """API tokens: whoever holds one acts as its operator."""


@tokens.command("add")
@click.argument("email")
def add_token(email: str) -> None:
    """Make a token for the operator EMAIL. The last line printed is the token, shown this once."""
    from gateway.audit import Thing, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people.operators import authenticate, find, new_token

    def keep(db: Transaction) -> tuple[Operator, str]:
        now = to_micros(SystemClock().now())
        person = find(db, email)
        token = new_token(db, person.id, now)
        thing = Thing("token", authenticate(db, token).token_id)
        write(db, command_line(), "add_token", thing, after={"operator_id": person.id}, now=now)
        return person, token

    with open_record(read_settings()) as database:
        person, token = database.write(keep)
    click.echo(f"this token acts as {person.name} ({person.role}); it is shown only now:")
    click.echo(token)


@tokens.command("list")
@click.argument("email", required=False)
def list_tokens(email: str | None) -> None:
    """List the tokens of EMAIL, or everybody's: id, e-mail address, date, whether revoked."""
    from sqlalchemy import select

    from gateway.people.operators import find
    from gateway.store.models import Operator, Token

    with open_record(read_settings()) as database, database.read() as db:
        query = (
            select(Token.id, Operator.email, Token.created_at, Token.revoked_at)
            .join(Operator, Operator.id == Token.operator_id)
            .order_by(Token.created_at, Token.id)
        )
        if email is not None:
            query = query.where(Operator.id == find(db, email).id)
        for row in db.execute(query):
            state = f"revoked {_day(row.revoked_at)}" if row.revoked_at else "valid"
            click.echo(f"{row.id}  {row.email}  made {_day(row.created_at)}  {state}")


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")


@tokens.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """Make a token worthless, at once. TOKEN_ID is what `gateway tokens list` shows (tok_…)."""
    from sqlalchemy import update

    from gateway.audit import Thing, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.store.models import Token

    def keep(db: Transaction) -> bool:
        now = to_micros(SystemClock().now())
        revoked = db.execute(
            update(Token)
            .where(Token.id == token_id, Token.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(Token.id)
        )
        if revoked.one_or_none() is None:
            return False
        write(db, command_line(), "revoke_token", Thing("token", token_id), now=now)
        return True

    with open_record(read_settings()) as database:
        if not database.write(keep):
            raise NotFound(f"there is no valid token {token_id}; `gateway tokens list` shows all")
    click.echo(f"{token_id} is revoked")
