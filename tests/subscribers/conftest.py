"""Gateways whose subscribers are real HTTP servers that keep what they get."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from gateway.config import USUAL_EVENTS, SubscriberSettings
from tests.api.house import House
from tests.subscribers.world import SECRET, World
from tests.watch.servers import webhook_server

Builds = Callable[..., World]
# Contacts have tests of their own.
USUAL = tuple(kind for kind in USUAL_EVENTS if not kind.startswith("contact."))


@pytest.fixture
def worlds(migrated_sqlite_url: str) -> Iterator[Builds]:
    """Builds a world with a subscriber for each name: `worlds("crm", lake={"events": (...)})`."""
    with ExitStack() as stack:
        yield partial(_build, stack, migrated_sqlite_url)


@pytest.fixture
def both_worlds(migrated_url: str) -> Iterator[Builds]:
    """The same, once on SQLite and once on PostgreSQL: for what the database decides."""
    with ExitStack() as stack:
        yield partial(_build, stack, migrated_url)


def _build(stack: ExitStack, url: str, *names: str, **told: dict[str, object]) -> World:
    posts = {name: stack.enter_context(webhook_server()) for name in (*names, *told)}
    subscribers = tuple(
        SubscriberSettings(
            name=name, url=one.url, secret=SECRET, **told.get(name, {"events": USUAL})
        )
        for name, one in posts.items()
    )
    house = House(url, subscribers=subscribers)
    stack.callback(house.parts.database.dispose)
    return World(house, posts)
