"""What `gateway doctor` looks at, one function for each room; none of them raises or changes."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import delete, make_url
from sqlalchemy.exc import DBAPIError

from gateway.channels.base import Channel
from gateway.cli.settings import first_line, is_embedded, is_pending
from gateway.clock import to_micros
from gateway.config import IntercomRules, Settings
from gateway.errors import ConfigError, GatewayError, Unavailable
from gateway.instance import find_running
from gateway.signs import Finding
from gateway.store import Database, Transaction
from gateway.store.models import Claim
from gateway.store.sql import insert_into
from gateway.wiring import Parts

_PATIENCE_S = 3


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Say what was read, and what is missing from it."""
    path = Path(os.environ.get("GATEWAY_CONFIG") or "gateway.toml").expanduser()
    if not path.exists():
        yield Finding(
            ok=False,
            what=f"there is no {path} here, so no channel is set",
            do="write one (docs/configuration.md), or name it in GATEWAY_CONFIG",
        )
        return
    yield Finding(
        ok=True,
        what=f"{path.absolute()}: {_listed(settings.channels, 'channel')}, "
        f"{_listed(settings.agents, 'agent')}; times in {settings.workspace.time_zone}",
    )
    if not settings.channels:
        yield Finding(ok=False, what="no channel is set", do="add a table [channels.NAME]")
    writable = os.access(settings.data_dir, os.W_OK | os.X_OK)
    yield Finding(
        ok=writable,
        what=f"the data folder {settings.data_dir} "
        + ("can be written to" if writable else "cannot be written to"),
        do="" if writable else "change its permissions, or name another in GATEWAY_DATA_DIR",
    )


def of_database(settings: Settings) -> Iterator[Finding]:
    """Look whether it can be reached, has this version's tables and takes a row."""
    shown = make_url(settings.database_url).render_as_string(hide_password=True)
    if is_embedded(settings):
        file = Path(str(make_url(settings.database_url).database))
        if not file.exists():
            yield Finding(ok=True, what=f"{shown} is made by `gateway up` at its first start")
            return
    try:
        pending = is_pending(settings)
    except Unavailable as error:
        yield Finding(
            ok=False,
            what=f"{shown}: {error.message}",
            do="start it, or correct GATEWAY_DATABASE_URL",
        )
        return
    yield Finding(ok=True, what=f"{shown} can be reached")
    if pending:
        # An embedded one is brought up to date by whatever uses it next.
        yield Finding(
            ok=is_embedded(settings),
            what="it lacks tables of this version",
            do="run `gateway migrate`"
            + (" (`gateway up` does it by itself)" if is_embedded(settings) else ""),
        )
        return
    yield Finding(ok=True, what="it has the tables of this version")
    yield _takes_a_row(settings)


def _takes_a_row(settings: Settings) -> Finding:
    database = Database(settings.database_url)
    key = secrets.token_hex(8)

    def come_and_go(db: Transaction) -> None:
        row = insert_into(db, Claim).values(kind="doctor", key=key, token=key, until=0)
        db.execute(row)
        db.execute(delete(Claim).where(Claim.kind == "doctor", Claim.key == key))

    try:
        database.write(come_and_go)
    except (GatewayError, DBAPIError, OSError) as error:
        do = (
            "give the user of GATEWAY_DATABASE_URL the right to write, and see that no disk is full"
        )
        return Finding(ok=False, what=f"it cannot be written to: {first_line(error)}", do=do)
    finally:
        database.dispose()
    return Finding(ok=True, what="it can be written to")


def of_redis(settings: Settings) -> Iterator[Finding]:
    """Look whether the named one answers, or whose is used."""
    url, whose = settings.redis_url, "GATEWAY_REDIS_URL"
    if url is None:
        running = find_running(settings.data_dir)
        if running is None:
            yield Finding(
                ok=True, what="none is named and no gateway is running: `gateway up` brings its own"
            )
            return
        url, whose = running.redis_url, f"the running gateway's own (process {running.pid})"
    once = Retry(NoBackoff(), 0)
    with contextlib.closing(
        redis.Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S, retry=once
        )
    ) as client:
        try:
            client.ping()
        except redis.RedisError as error:
            yield Finding(
                ok=False,
                what=f"{whose} does not answer: {first_line(error)}",
                do="start it, or correct GATEWAY_REDIS_URL; until then "
                "workers look for work once a second",
            )
            return
    yield Finding(ok=True, what=f"{whose} answers")


def channels_of(settings: Settings, parts: Parts) -> Mapping[str, Channel]:
    """Every channel; without a record to ask, those of the settings."""
    if _is_there(settings):
        return parts.channels
    apps = parts.installing.apps
    return {name: channel for name, channel in parts.doors.items() if name not in apps}


def of_apps(settings: Settings, parts: Parts) -> Iterator[Finding]:
    """Say at which addresses each public app is asked for, and how many have installed it."""
    for name in parts.installing.apps:
        here = f"{settings.public_url}/webhooks/{name}"
        found = [one for one in channels_of(settings, parts).values() if one.app == name]
        paused = [one.name for one in found if one.paused is not None]
        yield Finding(
            ok=True,
            what=f"{name}: {_listed([one.name for one in found], 'workspace')}"
            + (f", paused: {', '.join(paused)}" if paused else ""),
            do="in the Developer Hub: redirect URL "
            f"{settings.public_url}/channels/{name}/callback, webhooks {here}, "
            f"uninstall URL {here}/uninstall, health check URL {here}/health",
        )


def _is_there(settings: Settings) -> bool:
    """True if there is a record of this version's tables."""
    file = make_url(settings.database_url).database
    if is_embedded(settings) and not Path(str(file)).exists():
        return False
    try:
        return not is_pending(settings)
    except (Unavailable, DBAPIError):
        return False  # what is wrong with the database has been said


def of_channel(settings: Settings, channel: Channel) -> Iterator[Finding]:
    """Ask the channel's own examination, after what the gateway itself can tell."""
    yield from _where_it_reports(settings, channel)
    if channel.paused is not None:
        return  # what is wrong with it the record says
    try:
        yield from channel.open_sender().check()
    except ConfigError as error:
        for problem in error.problems:
            yield Finding(ok=False, what=problem, do=f"correct [channels.{channel.name}]")
    except GatewayError as error:
        yield Finding(ok=False, what=error.message, do=f"see [channels.{channel.name}]")


def of_watch(settings: Settings, parts: Parts, channel: str) -> list[Finding]:
    """What the record shows of the channel's health; nothing where there is no record to ask."""
    if not _is_there(settings):
        return []
    try:
        with parts.database.read() as db:
            return parts.watched[channel].look(db, to_micros(parts.clock.now())).findings
    except (Unavailable, DBAPIError):
        return []  # what is wrong with the database has been said


def _where_it_reports(settings: Settings, channel: Channel) -> Iterator[Finding]:
    address = f"{settings.public_url}/webhooks/{channel.door}"
    own = settings.channels[channel.door]
    theirs = urlsplit(own.base_url).hostname or "" if isinstance(own, IntercomRules) else ""
    if theirs.endswith("intercom.io") and not address.startswith("https://"):
        yield Finding(
            ok=False,
            what=f"Intercom posts notifications to https addresses only, this is {address}",
            do="put a proxy with a certificate in front and set GATEWAY_PUBLIC_URL to its address",
        )
    else:
        yield Finding(ok=True, what=f"notifications are taken at {address}")


def _listed(names: Iterable[str], word: str) -> str:
    listed = list(names)
    counted = f"{len(listed)} {word}{'' if len(listed) == 1 else 's'}"
    return f"{counted} ({', '.join(listed)})" if listed else counted
