"""Commands for whoever runs the gateway: the database, and failed deliveries."""

from __future__ import annotations

import click

from gateway.cli.settings import migrate_now, open_parts, read_settings
from gateway.errors import GatewayError
from gateway.logs import set_up_logging


@click.command()
def migrate() -> None:
    """Bring the database to the tables of this version. Safe to run at any time, and twice."""
    settings = read_settings()
    migrate_now(settings)
    click.echo("the database has the tables of this version")


@click.command()
@click.argument("delivery", nargs=-1, required=True)
def replay(delivery: tuple[str, ...]) -> None:
    """Apply failed deliveries once more (`GET /api/v1/deliveries?state=failed` lists them)."""
    set_up_logging()
    parts = open_parts()
    left = 0
    for id in delivery:
        try:
            state = parts.inbox.replay(id).state
        except GatewayError as error:
            left += 1
            click.echo(f"✗ {error.message}")
            continue
        left += state != "applied"
        click.echo(f"✓ {id} was applied" if state == "applied" else f"✗ {id} failed again")
    parts.database.dispose()
    if left:
        raise SystemExit(1)
