"""`gateway installations`: the workspaces that have let a public app in."""

from __future__ import annotations

import click

from gateway.cli.settings import open_parts


@click.group()
def installations() -> None:
    """Look after the workspaces that have installed a public app."""


@installations.command("list")
def list_installations() -> None:
    """List them: channel, state, workspace."""
    from gateway.installing import book

    parts = open_parts()
    try:
        with parts.database.read() as db:
            found = book.find_all(db)
    finally:
        parts.database.dispose()
    for one in found:
        click.echo(f"{one.channel}  {one.state}  {one.title} ({one.region})")
    if not found:
        click.echo("none: connect one on the page Channels in the console")


@installations.command()
def reseal() -> None:
    """Seal every token with the newest GATEWAY_SECRET_KEY.

    For a new key: start every process with it and with the old one in
    GATEWAY_SECRET_KEY_PREVIOUS, run this, and start them without the old one. Nothing stops
    meanwhile.
    """
    from gateway.audit import Thing, command_line, write
    from gateway.clock import to_micros
    from gateway.errors import Paused
    from gateway.installing import book
    from gateway.store import Transaction

    parts = open_parts()
    seals = parts.installing.seals
    sealed, unopened = 0, 0
    try:
        with parts.database.read() as db:
            before = book.sealed_before(db, seals)
        for channel in before:
            now = to_micros(parts.clock.now())

            def anew(db: Transaction, channel: str = channel, now: int = now) -> bool:
                done = book.seal_anew(db, seals, channel, now)
                if done:
                    write(db, command_line(), "reseal_token", Thing("channel", channel), now=now)
                return done

            try:
                sealed += parts.database.write(anew)
            except Paused as trouble:
                unopened += 1
                click.echo(f"{channel}: {trouble.message}", err=True)
    finally:
        parts.database.dispose()
    click.echo(f"{sealed} sealed anew, {unopened} could not be opened")
    if unopened:
        raise SystemExit(1)
