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
def add_operator(
    email: str, name: str | None, role: str | None, password_stdin: bool, links: Sequence[str]
) -> None:
    """Add a person, or links to one who is there.

    For an e-mail address that is there already only --link changes anything: saying the same name
    and role again is fine (so a set-up script may run twice), another name or role is refused.
    """
    from gateway.audit import Thing, changes, command_line, write
    from gateway.clock import SystemClock, to_micros
    from gateway.people.operators import add, find, link, read_link

    password = _read_password() if password_stdin else None
    settings = read_settings()
    wanted = [read_link(text) for text in links]
    for channel, _ in wanted:
        if channel not in settings.channels:
            known = ", ".join(settings.channels) or "none"
            raise NotFound(f"there is no channel {channel}; there are: {known}")

    def keep(db: Transaction) -> tuple[Operator, bool]:
        now = to_micros(SystemClock().now())
        was = {}
        try:
            person, new = find(db, email), False
            was = _shown(person)
        except NotFound:
            if name is None or role is None:
                missing = "--name" if name is None else "--role"
                raise click.UsageError(f"{email} is new: {missing} is missing") from None
            person = add(db, email=email, name=name, role=role, now=now, password=password)
            new = True
        else:
            _only_links_change(person, name, role, password)
        for channel, external_id in wanted:
            link(db, person.id, channel, external_id)
        person = find(db, email)
        before, after = changes(was, _shown(person))
        if after:
            thing = Thing("operator", person.id)
            action = "add_operator" if new else "link_operator"
            write(db, command_line(), action, thing, before, after, now=now)
        return person, new

    with open_record(settings) as database:
        person, new = database.write(keep)
    click.echo(f"{'added' if new else 'there already:'} {_told(person)}")


def _only_links_change(
    person: Operator, name: str | None, role: str | None, password: str | None
) -> None:
    same_name = name is None or " ".join(name.split()) == person.name
    if not same_name or role not in (None, person.role) or password is not None:
        raise Conflict(
            f"there is an operator {person.email} already ({person.name}, {person.role}); "
            "only --link can be given for them"
        )


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("--password-stdin: standard input holds no password")
    return password


@operators.command("list")
def list_operators() -> None:
    """List everyone, a line each: e-mail address, name, role, links."""
    from sqlalchemy import select

    from gateway.people.operators import find
    from gateway.store.models import Operator

    with open_record(read_settings()) as database, database.read() as db:
        emails = db.scalars(select(Operator.email).order_by(Operator.email))
        for person in [find(db, email) for email in emails]:
            click.echo(_told(person))


def _shown(person: Operator) -> dict[str, Any]:
    """What the audit tells of a person."""
    return {
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "links": dict(person.links),
    }


def _told(person: Operator) -> str:
    links = [f"{channel}:{id}" for channel, id in sorted(person.links.items())]
    return "  ".join([person.email, person.name, person.role, *links])


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
