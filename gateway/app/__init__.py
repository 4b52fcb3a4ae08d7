"""The web application: every door, one JSON error shape, health and metrics."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask

from gateway import wiring
from gateway.api import EVENTS, add_api
from gateway.api.opening import opening
from gateway.app.errors import add_error_answers
from gateway.app.files import add_file_links
from gateway.app.headers import HEADERS, add_headers
from gateway.app.health import add_health
from gateway.app.installed import add_app_doors
from gateway.app.leaving import Leaving
from gateway.app.metrics import Metrics, add_metrics
from gateway.app.origins import with_origins
from gateway.app.resting import resting
from gateway.app.unhurried import unhurried
from gateway.channels.webhook import receiving, webhook_routes
from gateway.channels.webwidget.routes import EVENTS as WIDGET_EVENTS
from gateway.channels.webwidget.routes import widget_routes
from gateway.channels.webwidget.routes.scripts import script_routes
from gateway.channels.webwidget.routes.shop import shop_routes
from gateway.config import load_settings
from gateway.console import EVENTS as CONSOLE_EVENTS
from gateway.console import add_console
from gateway.logs import set_up_logging
from gateway.quota.callers import network_of
from gateway.quota.fairness import Fairness
from gateway.quota.refusals import Refusals
from gateway.store import migrate
from gateway.streams import Gate
from gateway.tracing import set_up_tracing
from gateway.watch.answers import AnswerCounter
from gateway.wiring import Parts


def create_app(parts: Parts, answers: AnswerCounter | None = None) -> Flask:
    """Every door, over these parts. Opens no connection.

    `answers` counts what notifications are answered; by default it keeps that by itself.
    """
    app = Flask("gateway", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics = Metrics(parts.database)
    add_error_answers(app)
    add_headers(app)
    app.register_blueprint(webhook_routes(parts.doors))
    add_app_doors(app, parts)
    app.register_blueprint(script_routes(color=parts.widgets.color))
    app.register_blueprint(shop_routes(parts.widgets.with_demo_page()))
    add_api(app, parts)
    add_console(app, parts)
    app.extensions["leaving"] = leaving = Leaving(parts.streams)
    add_health(app, parts, leaving)
    add_file_links(app, parts.files)
    receive = metrics.counting(parts.inbox.receive)
    proxies = parts.settings.api.trusted_proxies
    app.register_blueprint(
        widget_routes(parts.widgets, parts.tickets, parts.visitors, receive, proxies)
    )
    answers = answers or AnswerCounter(parts.database)
    # Whoever runs several processes of us tells it of the others (gunicorn_conf.py).
    app.extensions["fairness"] = fairness = Fairness()
    wsgi: Any = app
    named = with_origins(app.wsgi_app)
    followed = opening(named, EVENTS, parts.database, parts.streams, HEADERS)
    received = receiving(
        followed,
        parts.doors,
        parts.installing.home,
        receive,
        HEADERS,
        answers.note,
        fairness,
        answers.timer,
    )
    rested = resting(received, parts.clock.monotonic)
    wsgi.wsgi_app = Gate(rested, EVENTS, WIDGET_EVENTS, CONSOLE_EVENTS)
    add_metrics(app, metrics)
    return app


def create_from_environment() -> Flask:
    """Settings → wiring → app, for any WSGI server. An embedded database is migrated first.

    Raises ConfigError.
    """
    set_up_logging()
    set_up_tracing()
    settings = load_settings(os.environ)
    parts = wiring.build(settings)
    if parts.database.is_sqlite:
        migrate(settings.database_url)
    return at_its_pace(create_app(parts), parts)


def at_its_pace(app: Flask, parts: Parts) -> Flask:
    """An application for the open internet: what it refuses has a pace."""
    wsgi: Any = app
    proxies = parts.settings.api.trusted_proxies
    refusals = Refusals(parts.clock.monotonic)
    wsgi.wsgi_app = unhurried(wsgi.wsgi_app, refusals, proxies)
    if not proxies:  # behind one, everybody connects from the same address
        app.extensions["aside"] = lambda peer: refusals.aside(network_of(peer))
    return app
