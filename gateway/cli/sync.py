"""`gateway sync`: comparing a channel with the record, and reading its past."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.settings import open_parts
from gateway.logs import set_up_logging

if TYPE_CHECKING:
    from gateway.store import Transaction
    from gateway.wiring import Parts

_LOOK_EVERY_S = 0.25
_SHOWN = 20


@click.group()
def sync() -> None:
    """Compare a channel with the record, and read its past."""


@sync.command()
@click.argument("channel")
def backfill(channel: str) -> None:
    """Not in this version: import a channel's old conversations."""
    raise click.UsageError(
        f"this version cannot import old conversations of {channel} yet; "
        "`gateway sync reconcile` reads what changed since the channel was first heard of"
    )


@sync.command()
@click.argument("channel")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="Look back to this time (UTC), further than the last pass did.",
)
def reconcile(channel: str, since: datetime | None) -> None:
    """Find and repair what a channel's notifications missed.

    Reads what changed since the last pass and is not known to be the same here. Workers help; the
    pass may be broken off and goes on with them, or when this is run again.
    """
    set_up_logging(logging.WARNING)  # the bar and the summary tell the rest
    parts = open_parts()
    try:
        _reconcile(parts, channel, since)
    finally:
        parts.database.dispose()


def _reconcile(parts: Parts, channel: str, since: datetime | None) -> None:
    from datetime import UTC

    from gateway.audit import Thing, command_line, write
    from gateway.clock import to_micros
    from gateway.inbox import pinned
    from gateway.reconciling import passes

    if channel not in parts.channels:
        known = ", ".join(sorted(parts.channels)) or "none"
        raise click.UsageError(f"there is no channel {channel!r}; there are: {known}")
    with parts.database.read() as db:
        home = pinned(db, parts.channels[channel])
    if home is None:
        raise click.UsageError(
            f"nothing has been heard of {channel} yet, so there is nothing to compare; its first "
            "notification decides the workspace"
        )
    now = to_micros(parts.clock.now())
    asked = to_micros(since.replace(tzinfo=UTC)) if since is not None else None

    def begin(db: Transaction) -> str:
        id = passes.begin(db, home, asked_by="command", now=now, since=asked)
        after = {"pass_id": id, "since": since.isoformat() if since else None}
        write(db, command_line(), "begin_pass", Thing("channel", channel), after=after, now=now)
        return id

    id = parts.database.write(begin)
    stopping = threading.Event()
    helper = threading.Thread(target=_help, args=(parts, stopping))
    helper.start()
    try:
        done = _watch(parts, id)
    except KeyboardInterrupt:
        click.echo("stopped; workers go on with this pass, and so does this command")
        raise SystemExit(130) from None
    finally:
        stopping.set()
        helper.join()  # it ends what it has begun: nothing may use the database at the exit
    _tell(parts, done)


def _help(parts: Parts, stopping: threading.Event) -> None:
    """Do what is due for this kind of work, as a worker would."""
    import structlog

    from gateway.errors import Unavailable
    from gateway.sync.drain import Drain
    from gateway.sync.jobs import DOUBTS_PER_SECOND, Bench
    from gateway.sync.pace import Pace

    bench = Bench(parts, stopping, Pace(parts.clock, DOUBTS_PER_SECOND))
    while not stopping.is_set():
        try:
            fresh = parts.refresh
            Drain(bench.works["sync"], parts.clock, stopping, fresh).run()
        except Unavailable as trouble:
            structlog.get_logger(__name__).warning("reconciling_waits", error=trouble.message)
        stopping.wait(_LOOK_EVERY_S)


def _watch(parts: Parts, id: str) -> Mapping[str, Any]:
    """Show how far the pass is until it is over."""
    told: str | None = None
    with click.progressbar(length=1, label="listing", width=30) as bar:
        for seen in _looks(parts, id):
            listed = seen["listed_at"] is not None
            bar.label = "reading, the newest first" if listed else "listing what changed"
            bar.length = max(seen["doubted"], seen["read"], 1)
            bar.update(seen["read"] - bar.pos)
            if seen["trouble"] and seen["trouble"] != told:
                told = seen["trouble"]
                click.echo(f"\nwaiting: {told}", err=True)
            if seen["ended_at"] is not None:
                bar.update(bar.length - bar.pos)
                return seen
    raise AssertionError("a pass is watched until it ends")


def _looks(parts: Parts, id: str) -> Iterator[Mapping[str, Any]]:
    from gateway.reading.passes import find_pass

    pause = threading.Event()
    while True:
        with parts.database.read() as db:
            yield find_pass(db, id)
        pause.wait(_LOOK_EVERY_S)


def _tell(parts: Parts, done: Mapping[str, Any]) -> None:
    """Say what was found and repaired."""
    from gateway.reading.passes import find_repairs

    click.echo(
        f"{done['found']} conversations had changed, {done['read']} were read, "
        f"{done['repaired']} were not as the record had them; "
        f"{done['people']} customers' details were different"
    )
    with parts.database.read() as db:
        page = find_repairs(db, done["id"], limit=_SHOWN)
    for one in page.items:
        learned = ", ".join(f"{count} {kind}" for kind, count in sorted(one["learned"].items()))
        click.echo(f"  {one['conversation']}: {learned}" + _why(one["effect"]))
    if page.next_cursor is not None:
        click.echo(f"  … and {done['repaired'] - len(page.items)} more (in the API)")
    if done["lost"]:
        click.echo(f"{done['lost']} old parts are more than the channel still tells")
    if done["waiting"]:
        click.echo(f"{done['waiting']} could not be read; the next pass tries again")


def _why(effect: str | None) -> str:
    return f" ({effect})" if effect else ""
