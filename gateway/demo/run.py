"""Runs the demo: its processes in the foreground, and beside them what happens in it."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import click
import requests

from gateway.demo.doors import HelpDesk, NotHappened, Observer, Patience, Shopper
from gateway.demo.guide import call_for, guide
from gateway.demo.shop_story import ShopStory
from gateway.demo.stage import SHOP, SHOP_KEY, TIME_ZONE, Stage, stage
from gateway.demo.steps import play
from gateway.demo.story import Story
from gateway.demo.transcript import Transcript
from gateway.supervisor import Supervisor

_WITHIN_S = 20.0
_START_WITHIN_S = 40.0
# The gateway, a tree of its own, takes 8 s to stop at most, and a little to say so.
_GRACE_S = 9.0
_LOG_LINES = 20
_LOOK_FOR_VISITORS_S = 1.0

# What happens in the demo; returns whether it went well.
Happening = Callable[[Stage, HelpDesk, Observer, Patience], bool]


def run_demo(port: int | None, inbox_port: int | None) -> int:
    """Run until a signal asks for the end; return the exit status."""
    click.echo("Starting the gateway, its workers, an inbox and a shop: some ten seconds …")
    return _run(port, inbox_port, _opening, ends=False)


def play_story(port: int | None, inbox_port: int | None) -> int:
    """Play the story and stop; return 0 if every step happened."""
    # Nobody looks at the addresses: any free ports, so that a demo may run beside it.
    return _run(port or 0, inbox_port or 0, _story, ends=True)


def _run(port: int | None, inbox_port: int | None, happening: Happening, *, ends: bool) -> int:
    with stage(os.environ, port, inbox_port) as where:
        over = threading.Event()
        # None: it had not ended when a signal came.
        well: bool | None = None

        def beside() -> None:
            nonlocal well
            well = _happen(where, happening, over)
            if (ends or not well) and not over.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

        # The processes are started by the main thread, which holds their leash.
        thread = threading.Thread(target=beside, name="demo", daemon=True)
        thread.start()
        try:
            Supervisor(where.children(), grace_s=_GRACE_S).run()
        finally:
            outcome = well
            over.set()
            thread.join(_WITHIN_S)
        if outcome is None:
            return 1 if ends else 0
        if not outcome:
            click.echo(f"\nthe last lines of {where.log}:\n{_tail(where.log)}", err=True)
        return 0 if outcome else 1


def _happen(where: Stage, happening: Happening, over: threading.Event) -> bool:
    patience = Patience(_WITHIN_S, over)
    with (
        HelpDesk(where.inbox_url) as desk,
        Observer(where.gateway_url, where.token) as gateway,
    ):
        try:
            patience.wait("the stand-in for Intercom", desk.answers, _START_WITHIN_S)
            patience.wait("the gateway", gateway.is_ready, _START_WITHIN_S)
            return happening(where, desk, gateway, patience)
        except NotHappened as trouble:
            if not over.is_set():
                click.echo(f"✗ {trouble}", err=True)
        except Exception:
            click.echo(traceback.format_exc(), err=True)
    return False


def _story(where: Stage, desk: HelpDesk, gateway: Observer, patience: Patience) -> bool:
    click.echo("The story of two conversations, told by the gateway's API.")
    click.echo(f"Helpdesk (a stand-in for Intercom): {desk.url}   gateway: {gateway.url}")
    began = time.monotonic()
    with Shopper(where.gateway_url, SHOP_KEY) as shopper:
        steps = [
            *Story(desk, gateway, patience).steps(),
            *ShopStory(shopper, gateway, patience).steps(),
        ]
        well = play(steps, Transcript(TIME_ZONE))
    click.echo()
    took = time.monotonic() - began
    click.echo(f"{'every step happened' if well else 'the story broke off'} ({took:.0f} s)")
    return well


def _opening(where: Stage, desk: HelpDesk, gateway: Observer, patience: Patience) -> bool:
    """Begin a conversation, so that nobody looks at an empty inbox; then say where to look."""
    conversation = desk.customer_starts(
        "Liam Murphy", "liam@murphy.example", "Hello! Where is my order FL-1042?"
    )
    patience.wait("the AI's first answer", lambda: desk.bot_words(conversation))
    session = patience.wait("its session", lambda: gateway.session_of(conversation))
    click.echo(guide(where, str(session["id"])))
    _call_for_visitors(where, gateway, patience)
    return True


def _call_for_visitors(where: Stage, gateway: Observer, patience: Patience) -> None:
    """Until all is over: when a visitor of the shop waits for a person, say how to answer."""
    called: set[str] = set()
    while not patience.rest(_LOOK_FOR_VISITORS_S):
        try:
            sessions = gateway.sessions(channel=SHOP, mode="human", status="active")
        except requests.RequestException:
            continue  # it starts anew, or stops
        for session in sessions:
            if session["waiting_since"] and session["id"] not in called:
                called.add(session["id"])
                click.echo(call_for(where, session["id"]))


def _tail(log: Path) -> str:
    if not log.exists():
        return "(nothing)"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])
