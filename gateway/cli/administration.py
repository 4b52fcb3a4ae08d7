"""Commands for whoever runs the gateway: the database, and failed deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.settings import migrate_now, open_parts, read_settings
from gateway.clock import to_micros
from gateway.errors import GatewayError
from gateway.logs import set_up_logging

if TYPE_CHECKING:
    from gateway.wiring import Parts


@click.command()
def migrate() -> None:
    """Bring the database to the tables of this version. Safe to run at any time, and twice."""
    set_up_logging()
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
        _record(parts, id, outcome="begun")
        try:
            state = parts.inbox.replay(id).state
        except GatewayError as error:
            left += 1
            _record(parts, id, outcome="refused", reason=error.message)
            click.echo(f"✗ {error.message}")
            continue
        _record(parts, id, after={"state": state})
        left += state != "applied"
        click.echo(f"✓ {id} was applied" if state == "applied" else f"✗ {id} failed again")
    parts.database.dispose()
    if left:
        raise SystemExit(1)


def _record(parts: Parts, delivery_id: str, **what: Any) -> None:
    """Write an audit entry: a replay has transactions of its own."""
    from gateway.audit import Thing, command_line, write

    now = to_micros(parts.clock.now())
    thing = Thing("delivery", delivery_id)
    parts.database.write(lambda db: write(db, command_line(), "replay", thing, now=now, **what))
