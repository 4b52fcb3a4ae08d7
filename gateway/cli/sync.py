"""`gateway sync`: comparing a channel with the record, and reading its past."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

Seen = Mapping[str, Any]
Find = Callable[["Transaction"], Seen]


@click.group()
def sync() -> None:
    """Compare a channel with the record, and read its past."""


@sync.command()
@click.argument("channel")
@click.option("--since", type=_TIME, help="Conversations that changed at this time (UTC) or later.")
@click.option("--until", type=_TIME, help="And not after this time (UTC).")
@click.option("--stop", is_flag=True, help="Stop the one under way; what it has read stays.")
def backfill(channel: str, since: datetime | None, until: datetime | None, stop: bool) -> None:
    """Import a channel's past: its people, teams, customers and conversations.

    As history: nobody is answered, called or told because of it. Workers help; it may be broken
    off and goes on with them, or when this is run again. It ends early only with --stop.
    """
    set_up_logging(logging.WARNING)  # the bar and the summary tell the rest
    parts = open_parts()
    try:
        if stop:
            _stop_backfill(parts, channel)
        else:
            _backfill(parts, channel, _micros(since), _micros(until))
    finally:
        parts.database.dispose()


@sync.command()
@click.argument("channel")
@click.option(
    "--since", type=_TIME, help="Look back to this time (UTC), further than the last pass did."
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


# -- backfill --------------------------------------------------------------------------------------


def _backfill(parts: Parts, channel: str, since: int | None, until: int | None) -> None:
    from gateway.audit import Thing, command_line, write
    from gateway.clock import to_micros, to_time
    from gateway.errors import NotFound
    from gateway.reading.backfills import find_backfill
    from gateway.reconciling import backfills

    _known(parts, channel)
    if not parts.channels[channel].remote:
        raise click.UsageError(f"all that was ever said in {channel} is here")
    if since is not None and until is not None and since > until:
        raise click.UsageError("--since is after --until")
    now = to_micros(parts.clock.now())

    def begin(db: Transaction) -> str:
        id = backfills.begin(db, channel, now=now, since=since, until=until)
        after = {"backfill_id": id, "since": to_time(since), "until": to_time(until)}
        write(db, command_line(), "begin_backfill", Thing("channel", channel), after=after, now=now)
        return id

    id = parts.database.write(begin)
    with _helped(parts):
        try:
            done = _watch_backfill(parts, lambda db: find_backfill(db, id))
        except NotFound:  # before it had reached the channel
            click.echo("\nit was stopped; nothing was read")
            return
    _tell_backfill(done)


def _stop_backfill(parts: Parts, channel: str) -> None:
    from gateway.audit import Thing, command_line, write
    from gateway.clock import to_micros
    from gateway.reconciling import backfills

    _known(parts, channel)
    now = to_micros(parts.clock.now())

    def stop(db: Transaction) -> bool:
        ids = [id for id, whose in backfills.under_way(db) if whose == channel]
        if not ids or not backfills.stop(db, ids[0], now):
            return False
        after = {"backfill_id": ids[0]}
        write(db, command_line(), "stop_backfill", Thing("channel", channel), after=after, now=now)
        return True

    if not parts.database.write(stop):
        raise click.ClickException(f"no backfill of {channel} is under way")
    click.echo("stopped; what was read stays")


def _watch_backfill(parts: Parts, find: Find) -> Seen:
    """Show how far the backfill is until it is over."""
    with click.progressbar(length=1, label="asking who is there", width=30) as bar:
        for seen in _looks(parts, find):
            read = seen["read"] + seen["gone"]
            if seen["listed_at"] is not None:
                bar.label = "reading, the newest first"
            elif seen["expected"] is not None:
                bar.label = "listing and reading"
            bar.length = max(seen["found"], (seen["expected"] or 0) - seen["known"], read, 1)
            bar.update(read - bar.pos)
            if seen["ended_at"] is not None:
                bar.update(bar.length - bar.pos)
                return seen
    raise AssertionError("a backfill is watched until it ends")


def _tell_backfill(done: Seen) -> None:
    """Say what was imported, and what could not be."""
    if done["stopped_at"] is not None:
        click.echo("it was stopped before its end")
    click.echo(
        f"{done['read']} conversations were read, with {done['messages']} new messages and notes; "
        f"{done['known']} were known"
    )
    click.echo(f"{done['people']} customers, {done['staff']} people and teams")
    if done["lost"]:
        click.echo(
            f"{done['lost']} old parts of {done['shortened']} conversations are more than the "
            "channel still tells"
        )
    if done["gone"]:
        click.echo(f"{done['gone']} conversations were deleted meanwhile")
    if done["failed"]:
        click.echo(f"{done['failed']} could not be read; run this again to try them again")


# -- reconcile -------------------------------------------------------------------------------------


def _reconcile(parts: Parts, channel: str, since: datetime | None) -> None:
    from gateway.audit import Thing, command_line, write
    from gateway.clock import to_micros
    from gateway.inbox import pinned
    from gateway.reading.passes import find_pass
    from gateway.reconciling import passes

    _known(parts, channel)
    with parts.database.read() as db:
        home = pinned(db, parts.channels[channel])
    if home is None:
        raise click.UsageError(
            f"nothing has been heard of {channel} yet, so there is nothing to compare; its first "
            "notification decides the workspace"
        )
    now = to_micros(parts.clock.now())

    def begin(db: Transaction) -> str:
        id = passes.begin(db, home, asked_by="command", now=now, since=_micros(since))
        after = {"pass_id": id, "since": since.isoformat() if since else None}
        write(db, command_line(), "begin_pass", Thing("channel", channel), after=after, now=now)
        return id

    id = parts.database.write(begin)
    with _helped(parts):
        done = _watch_pass(parts, lambda db: find_pass(db, id))
    _tell_pass(parts, done)


def _watch_pass(parts: Parts, find: Find) -> Seen:
    """Show how far the pass is until it is over."""
    with click.progressbar(length=1, label="listing", width=30) as bar:
        for seen in _looks(parts, find):
            listed = seen["listed_at"] is not None
            bar.label = "reading, the newest first" if listed else "listing what changed"
            bar.length = max(seen["doubted"], seen["read"], 1)
            bar.update(seen["read"] - bar.pos)
            if seen["ended_at"] is not None:
                bar.update(bar.length - bar.pos)
                return seen
    raise AssertionError("a pass is watched until it ends")


def _tell_pass(parts: Parts, done: Seen) -> None:
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


# -- both ------------------------------------------------------------------------------------------


def _known(parts: Parts, channel: str) -> None:
    if channel not in parts.channels:
        known = ", ".join(sorted(parts.channels)) or "none"
        raise click.UsageError(f"there is no channel {channel!r}; there are: {known}")


def _micros(moment: datetime | None) -> int | None:
    from datetime import UTC

    from gateway.clock import to_micros

    return None if moment is None else to_micros(moment.replace(tzinfo=UTC))


@contextmanager
def _helped(parts: Parts) -> Iterator[None]:
    """Do what is due beside whoever watches, and end with them."""
    stopping = threading.Event()
    helper = threading.Thread(target=_help, args=(parts, stopping))
    helper.start()
    try:
        yield
    except KeyboardInterrupt:
        click.echo("stopped; workers go on with this, and so does this command")
        raise SystemExit(130) from None
    finally:
        stopping.set()
        helper.join()  # it ends what it has begun: nothing may use the database at the exit


def _help(parts: Parts, stopping: threading.Event) -> None:
    """Do what is due for this kind of work, as a worker would."""
    import structlog

    from gateway.errors import Unavailable
    from gateway.sync.drain import Drain
    from gateway.sync.jobs import READ_PER_SECOND, Bench
    from gateway.sync.pace import Pace

    log = structlog.get_logger(__name__)
    bench = Bench(parts, stopping, Pace(parts.clock, READ_PER_SECOND))
    while not stopping.is_set():
        try:
            Drain(bench.works["sync"], parts.clock, stopping, parts.refresh).run()
        except Unavailable as trouble:
            log.warning("sync_waits", error=trouble.message)
        stopping.wait(_LOOK_EVERY_S)


def _looks(parts: Parts, find: Find) -> Iterator[Seen]:
    """How far it is, now and again; a trouble that is new is told in passing."""
    pause = threading.Event()
    told: str | None = None
    while True:
        with parts.database.read() as db:
            seen = find(db)
        if seen["trouble"] and seen["trouble"] != told:
            told = seen["trouble"]
            click.echo(f"\nwaiting: {told}", err=True)
        yield seen
        pause.wait(_LOOK_EVERY_S)
