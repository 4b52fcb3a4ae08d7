"""Doors to installations: a workspace's settings, its token tried again, its app disconnected."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from gateway import audit
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.installations import InstallationBody, InstallationSchema, changes_of
from gateway.clock import to_micros
from gateway.config import ChannelSettings
from gateway.errors import Conflict, NotFound
from gateway.installing import book
from gateway.installing.book import Changed, Known
from gateway.installing.showing import decisions, shown
from gateway.rails.answers import Json, json_answer
from gateway.store import Transaction
from gateway.wiring import Parts


def add_installation_doors(room: Room, parts: Parts) -> None:
    """Add the doors; they are for administrators."""
    database = parts.database

    def app_of(known: Known) -> ChannelSettings:
        app = parts.settings.channels.get(known.app)
        if app is None:
            raise NotFound("the app of this installation is not configured any more")
        return app

    def told(db: Transaction, known: Known) -> Json:
        return shown(db, known, app_of(known))

    def act(name: str, body: Arguments, work: Callable[[Transaction, int], Changed]) -> Response:
        now = to_micros(parts.clock.now())
        _known(name)
        kept: list[Changed] = []

        def acted(db: Transaction) -> Acted:
            kept[:] = [work(db, now)]
            done = kept[0]
            was = _audited(done.before) if done.before is not None else {}
            before, after = audit.changes(was, _audited(done.now))
            return Acted(body=told(db, done.now), before=before, after=after)

        answer = act_once(database, operator().id, body, now, parts.waker.wake, acted)
        if kept:
            parts.installing.changed(kept[0])
        return answer

    @room.door(
        "GET", "/channels/<name>/installation", gives=InstallationSchema, roles=ADMINS
    )  # fmt: skip
    def get_installation(name: str) -> Response:
        """Get the installation that a channel is, and what holds for its workspace"""
        _known(name)
        with database.read() as db:
            return json_answer(told(db, book.find(db, name)))

    @room.door(
        "PATCH", "/channels/<name>/installation",
        takes=InstallationBody, gives=InstallationSchema, roles=ADMINS, refuses=(409,),
    )  # fmt: skip
    def change_installation(body: Arguments, name: str) -> Response:
        """Decide as whom the AI answers in a workspace, and other settings of its own"""
        agent = body.get("agent")
        if agent is not None and agent not in parts.agents:
            raise Conflict(f"there is no agent {agent[:60]}")
        seat, settings = changes_of(body)

        def decide(db: Transaction, now: int) -> Changed:
            known = book.find(db, name)
            return book.decide(db, name, seat, decisions(known, app_of(known), settings), now)

        return act(name, body, decide)

    @room.door(
        "POST", "/channels/<name>/installation/retries",
        takes=NothingBody, required=False, gives=InstallationSchema, roles=ADMINS, refuses=(409,),
    )  # fmt: skip
    def try_installation_again(body: Arguments, name: str) -> Response:
        """Use a token once more that was refused; it pauses the channel again if it still is"""
        return act(name, body, lambda db, now: book.try_again(db, name, now))

    @room.door(
        "DELETE", "/channels/<name>/installation", gives=InstallationSchema, roles=ADMINS
    )  # fmt: skip
    def disconnect_installation(name: str) -> Response:
        """Forget a workspace's token: nothing is asked of it any more, and its history stays"""
        return act(name, {}, lambda db, now: book.uninstall(db, name, now))


def _known(name: str) -> None:
    if "\x00" in name:
        raise NotFound("there is no such installation")


def _audited(known: Known) -> Json:
    return {"state": known.state, "seat": known.seat, **known.settings}
