"""`python -m bench pages`: how fast people find sessions among 100,000, with a million messages.

Asked are the same doors that the console's pages read from, in this process (no network, no
browser), on PostgreSQL. Beside each figure stand the plans of the statements that it took. `CPU` is
what one answer takes of processors, ours and the database's: it hardly depends on who else is busy.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, update

from bench import crowd
from bench.each import on_each
from bench.figures import goal, quantile, table
from bench.noted import note
from bench.servers import Ground, cpu_since
from gateway.app import create_app
from gateway.config import load_settings
from gateway.config.settings import ApiSettings
from gateway.people import operators, passwords
from gateway.people.signins import Caller
from gateway.reading.with_people import AT_ONCE as WITH_PEOPLE_SHOWN
from gateway.store.models import Operator
from gateway.wiring import build

GOAL_MS, CHAT_GOAL_MS = 200.0, 1000.0
_OPERATORS = 12
_ROW = '<tr id="row-ses_'


class Desk:
    """The application, asked as somebody with a token."""

    def __init__(self, place: Ground) -> None:
        settings = replace(
            load_settings({**place.environment()}),
            api=ApiSettings(requests_per_second=10**5, burst=2 * 10**5),
        )
        self.parts = build(settings)
        self.client: FlaskClient = create_app(self.parts).test_client()
        self.operators = [self._operator(number) for number in range(_OPERATORS)]
        token = place.database.write(lambda db: operators.new_token(db, self.operators[0], 0))
        self._headers = {"Authorization": f"Bearer {token}"}
        self._sign_in()

    def _operator(self, number: int) -> str:
        added = self.parts.database.write(
            lambda db: operators.add(
                db, email=f"op{number}@acme.test", name=f"Operator {number}", role="admin", now=0
            )
        )
        return added.id

    def _sign_in(self) -> None:
        email, password = "op0@acme.test", "a long sentence"
        hashed = passwords.hashed(password)
        which = update(Operator).where(Operator.email == email).values(password_hash=hashed)
        self.parts.database.write(lambda db: db.execute(which))
        here = Caller(address="127.0.0.1", browser="bench")
        secret = self.parts.signins.sign_in(email, password, here)
        self.client.set_cookie(self.parts.cookie.name, secret)

    def page(self, path: str) -> str:
        """Open a page of the console; raises RuntimeError unless it is answered 200."""
        answer = self.client.get(f"/console{path}")
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.text

    def get(self, path: str) -> Any:
        """Ask; raises RuntimeError unless it is answered 200."""
        answer = self.client.get(f"/api/v1{path}", headers=self._headers)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.json


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Fill, ask, print; True if every list found what there is."""
    desk = Desk(place)
    began = time.monotonic()
    made = crowd.fill(
        place.database, sessions=options.sessions, messages=options.messages,
        operators=desk.operators,
    )  # fmt: skip
    print(f"  filled in {time.monotonic() - began:.0f} s")
    rows = [["ms", "p50", "p95", "longest", "CPU", "goal for p95"]]
    plans: list[str] = []
    right = True
    for name, limit_ms, ask in _questions(desk, made, random.Random(60)):
        ask()  # what is read from disk once
        took = []
        used, cpu = place.database_cpu(), time.process_time()
        for _ in range(options.times):
            start = time.perf_counter()
            right &= ask()
            took.append(1e3 * (time.perf_counter() - start))
        cpu = time.process_time() - cpu + sum(cpu_since(used, place.database_cpu()).values())
        p95 = quantile(took, 0.95)
        note(f"{name}, p50 / p95 ms", f"{quantile(took, 0.5):.0f} / {p95:.0f}",
             f"p95 under {limit_ms:.0f}", p95 < limit_ms)  # fmt: skip
        rows.append([name, f"{quantile(took, 0.5):.0f}", f"{p95:.0f}", f"{max(took):.0f}",
                     f"{1e3 * cpu / options.times:.0f}",
                     goal(f"{limit_ms:.0f}", p95 < limit_ms)])  # fmt: skip
        if options.plans:
            with explained(desk) as heard:
                ask()
            plans += [f"### {name}", "", *heard, ""]
    print(table(rows))
    if options.plans:
        Path(options.plans).write_text("\n".join(plans) + "\n", encoding="utf-8")
        print(f"  plans: {options.plans}")
    print(f"{'RIGHT   ' if right else 'WRONG   '}every list found what there is")
    return right


def _questions(
    desk: Desk, made: crowd.Crowd, chance: random.Random
) -> Iterator[tuple[str, float, Callable[[], bool]]]:
    """What is asked, how soon it is to be answered, and how; each time another one of its kind."""
    frequent, seldom = made.words[:40], made.words[2_000:12_000]

    def full(path: str) -> bool:
        return len(desk.get(path)["items"]) == 50

    def order() -> bool:
        session = chance.randrange(made.sessions - 1)
        found = desk.get(f"/sessions?q={crowd.order_of(session)}")["items"]
        return len(found) == 1

    def long_chat() -> bool:
        path, cursor = f"/sessions/{crowd.LONG_SESSION}/messages?limit=500", ""
        count = 0
        while cursor is not None:
            page = desk.get(path + cursor)
            count += len(page["items"])
            cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
        return count == crowd.LONG

    deep = itertools.cycle(_cursors(desk))
    someone = itertools.cycle(desk.operators)
    yield "the list", GOAL_MS, lambda: full("/sessions")
    yield "a page deep in it", GOAL_MS, lambda: full(f"/sessions?cursor={next(deep)}")
    yield "filter: active", GOAL_MS, lambda: full("/sessions?status=active")
    yield "filter: mode, channel", GOAL_MS, lambda: full("/sessions?mode=human&channel=acme-web")
    yield "filter: an operator", GOAL_MS, lambda: full(f"/sessions?responsible={next(someone)}")
    yield "filter: part of a name", GOAL_MS, lambda: full("/sessions?responsible=operator%2011")
    yield "filter: nothing found", GOAL_MS, lambda: not full("/sessions?mode=copilot")
    yield (
        "filter: a month",
        GOAL_MS,
        lambda: full("/sessions?since=2024-06-01T00:00:00Z&until=2024-07-01T00:00:00Z"),
    )
    yield "search: an order", GOAL_MS, order
    yield (
        "search: a seldom word",
        GOAL_MS,
        lambda: bool(desk.get(f"/sessions?q={chance.choice(seldom)}")),
    )
    yield "search: a frequent word", GOAL_MS, lambda: full(f"/sessions?q={chance.choice(frequent)}")
    yield (
        "search: two words",
        GOAL_MS,
        lambda: bool(desk.get(f"/sessions?q={chance.choice(frequent)}%20{chance.choice(seldom)}")),
    )
    yield "search: two letters", GOAL_MS, lambda: bool(desk.get(f"/sessions?q={frequent[0][:2]}"))
    yield "search: a name", GOAL_MS, lambda: bool(desk.get("/sessions?q=example%20babe"))
    yield (
        "search: seldom, active",
        GOAL_MS,
        lambda: bool(desk.get(f"/sessions?status=active&q={chance.choice(seldom)}")),
    )
    yield (
        "search: frequent, nothing found",
        GOAL_MS,
        lambda: not full(f"/sessions?mode=copilot&q={chance.choice(frequent)}"),
    )
    yield "page: Sessions", GOAL_MS, lambda: desk.page("/sessions").count(_ROW) == 50
    yield (
        "page: Human Agents",
        GOAL_MS,
        lambda: desk.page("/human-agents").count("data-ticket=") == WITH_PEOPLE_SHOWN,
    )
    yield (
        "page: Sessions, filtered",
        GOAL_MS,
        lambda: desk.page("/sessions?status=active&mode=human").count(_ROW) == 50,
    )
    yield (
        "page: Sessions, searched",
        GOAL_MS,
        lambda: bool(desk.page(f"/sessions?q={chance.choice(seldom)}")),
    )
    yield (
        "page: a chat of 5,000 opens",
        CHAT_GOAL_MS,
        lambda: "5,000 messages" in desk.page(f"/sessions/{crowd.LONG_SESSION}"),
    )
    yield "API: a chat of 5,000, all of it", CHAT_GOAL_MS, long_chat


def _cursors(desk: Desk) -> list[str]:
    """Cursors from all over the list."""
    found = []
    for year, month in itertools.product((2024, 2025, 2026), range(1, 11)):
        page = desk.get(f"/sessions?until={year}-{month:02d}-01T00:00:00Z&limit=50")
        if page["next_cursor"]:
            found.append(page["next_cursor"])
    return found


@contextmanager
def explained(desk: Desk) -> Iterator[list[str]]:
    """Give a list that then holds the plans of what was asked of sessions and messages."""
    heard: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, parameters: Any, _ctx: Any, _m: Any) -> None:
        if "chat_sessions" in statement or "messages" in statement:
            heard.append((statement, parameters))

    lines: list[str] = []
    event.listen(desk.parts.database.engine, "before_cursor_execute", listen)
    try:
        yield lines
    finally:
        event.remove(desk.parts.database.engine, "before_cursor_execute", listen)
        with desk.parts.database.engine.connect() as connection:
            for statement, parameters in heard:
                found = connection.exec_driver_sql(
                    f"EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF) {statement}", parameters
                )
                lines += ["```", *(str(row[0])[:160] for row in found), "```"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if every list found what there is, else 1."""
    options = _parser().parse_args(arguments)
    conditions = f": {options.sessions:,} sessions, {options.messages:,} messages"
    return 0 if on_each(options, conditions, measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench pages", description=__doc__)
    add = parser.add_argument
    add("--sessions", type=int, default=100_000, help="default 100,000")
    add("--messages", type=int, default=1_000_000, help="in all (default 1,000,000)")
    add("--times", type=int, default=100, help="how often each is asked (default 100)")
    add("--plans", help="a file for the plans of the statements")
    add("--folder", help="where the database is put (default: the temporary folder)")
    parser.set_defaults(database="postgresql")
    return parser


if __name__ == "__main__":
    sys.exit(main())
