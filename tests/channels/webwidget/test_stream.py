"""A visitor's stream over real HTTP: it rings, it tells who types, and it tells nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.channels.webwidget.tickets import LASTS_S
from gateway.streams.guests import MOST_STREAMS
from gateway.streams.hub import CHECK_TOKENS_S
from tests.channels.webwidget.site import ACME, ORIGINS, Browser, Site
from tests.channels.webwidget.staff import operator
from tests.services.processes import wait_until
from tests.streams.reader import NO_PLACE, Reader, Shown, reading

NEWS = Shown(NO_PLACE, "news", {})


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Served:
    """A site with an address."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.hub = site.parts.streams
        self.hub._check_tokens_s = 0.2
        self._server = make_server("127.0.0.1", 0, site.app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def ticket(self, browser: Browser) -> str:
        answer = browser.call("POST", "/stream_tickets")
        assert answer.json["expires_in"] == LASTS_S
        return str(answer.json["ticket"])

    def reader(self, ticket: str, origin: str | None = ORIGINS[ACME]) -> Reader:
        return Reader(self.url, None, f"?ticket={ticket}", path="/widget/v1/events", origin=origin)

    def refusal(self, ticket: str, origin: str | None = ORIGINS[ACME]) -> int:
        """The status with which a ticket is answered."""
        reader = self.reader(ticket, origin)
        reader.close()
        return reader.status

    @contextmanager
    def looking_on(self, browser: Browser) -> Iterator[Reader]:
        """A stream that is open and has told that there is something to ask for."""
        reader = self.reader(self.ticket(browser))
        try:
            assert reader.status == 200, reader.head
            assert reader.next() == NEWS
            yield reader
        finally:
            reader.close()

    def close(self) -> None:
        inside = [stream for streams in self.hub._streams.values() for stream in streams]
        for stream in (*inside, *self.hub._guests.everybody()):
            self.hub.close(stream)
        wait_until(lambda: not self.hub._running, "the reader's end")
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def served(any_site: Site) -> Iterator[Served]:
    served = Served(any_site)
    yield served
    served.close()


@pytest.fixture
def served_sqlite(site: Site) -> Iterator[Served]:
    served = Served(site)
    yield served
    served.close()


def test_it_rings_when_there_is_something_to_see(served: Served) -> None:
    site = served.site
    ann, vera, other = operator(site), site.browser(), site.browser()
    vera.open()
    other.open()
    with served.looking_on(vera) as mine, served.looking_on(other) as theirs:
        assert "text/event-stream" in mine.head
        assert "X-Accel-Buffering: no" in mine.head
        assert f"Access-Control-Allow-Origin: {ORIGINS[ACME]}" in mine.head
        assert mine.last is None, "no place of the journal is told"
        vera.say("hello")  # the first words: there was no conversation to look at
        assert mine.next() == NEWS
        session = vera.call("GET", "/messages").json["session"]["id"]
        site.answer()
        assert mine.next() == NEWS
        ann.take(session)
        assert mine.next() == NEWS
        while mine.next(0.2) is not None:
            pass
        ann.call("POST", f"/sessions/{session}/notes", {"text": "inside"}, status=201)
        assert mine.next(0.5) is None, "what is for people inside does not ring"
        ann.say(session, "Hello")
        shown = [mine.next(), mine.next()]  # and who has said it writes no more
        assert NEWS in shown
        assert "typing" in {one.type for one in shown if one is not None}
        assert theirs.next(0.3) is None


def test_typing_is_shown_both_ways_and_kept_nowhere(served_sqlite: Served) -> None:
    served, site = served_sqlite, served_sqlite.site
    ann, vera = operator(site), site.browser()
    vera.open(claims={"name": "Vera"})
    vera.say("hello")
    session = vera.call("GET", "/messages").json["session"]["id"]
    ann.take(session)
    with (
        served.looking_on(vera) as mine,
        reading(served.url, ann.token, f"?session={session}&types=session.typing") as inside,
        reading(served.url, ann.token, "?types=session.finished") as elsewhere,
    ):
        inside.opened()
        elsewhere.opened()
        assert ann.call("POST", f"/sessions/{session}/typing", {"on": True}) == {"shown": True}
        told = mine.next()
        assert told is not None
        assert (told.type, told.data) == (
            "typing", {"kind": "operator", "name": "Ann", "on": True},
        )  # fmt: skip
        assert ann.id not in str(told)
        seen = inside.next()
        assert seen is not None
        assert seen.data["data"]["by"] == {"kind": "operator", "id": ann.id, "name": "Ann"}
        # Again at once says nothing new.
        assert ann.call("POST", f"/sessions/{session}/typing", {"on": True}) == {"shown": False}
        for _ in range(3):
            assert vera.call("POST", "/typing", {"on": True}).status_code == 204
        seen = inside.next()
        assert seen is not None
        assert (seen.type, seen.id) == ("session.typing", NO_PLACE)
        assert seen.data["data"] == {
            "session_id": session, "by": {"kind": "customer", "id": None, "name": "Vera"},
            "on": True,
        }  # fmt: skip
        assert inside.next(0.3) is None
        assert mine.next(0.3) is None, "one's own typing is no news"
        assert elsewhere.next(0.3) is None
        assert ann.call("POST", f"/sessions/{session}/typing", {"on": False}) == {"shown": True}
        told = mine.next()
        assert told is not None
        assert told.data["on"] is False
    ann.call("POST", f"/sessions/{session}/finish")
    assert ann.call("POST", f"/sessions/{session}/typing", {"on": True}) == {"shown": False}


def test_who_logs_out_is_shown_nothing_more(served: Served) -> None:
    site = served.site
    vera, other = site.browser(), site.browser()
    vera.open()
    other.open()
    with served.looking_on(vera) as mine, served.looking_on(other) as stays:
        ticket = served.ticket(vera)
        assert vera.call("POST", "/logout").status_code == 204
        assert mine.next(10) is None
        assert mine.ended
        assert served.refusal(ticket) == 401
        other.say("hello")
        assert stays.next() == NEWS
    assert CHECK_TOKENS_S < 30


def test_a_token_that_runs_out_ends_its_streams(served_sqlite: Served) -> None:
    vera = served_sqlite.site.browser()
    vera.open()
    with served_sqlite.looking_on(vera) as mine:
        served_sqlite.site.clock.advance(31 * 86_400)
        assert mine.next(10) is None
        assert mine.ended


def test_a_ticket_opens_one_minute_and_one_page(served_sqlite: Served) -> None:
    served, site = served_sqlite, served_sqlite.site
    vera = site.browser()
    vera.open()
    ticket = served.ticket(vera)
    assert served.refusal(ticket, "https://evil.example") == 403
    assert served.refusal(ticket, ORIGINS["other-web"]) == 403
    assert served.refusal(str(vera.token)) == 401, "a token is no ticket"
    assert vera.call("GET", "/messages", token=ticket).status_code == 401, "nor the other way"
    assert served.refusal(ticket[:-1]) == 401
    site.clock.advance(LASTS_S - 1)
    assert served.refusal(ticket) == 200
    site.clock.advance(1)
    assert served.refusal(ticket) == 401
    assert served.refusal("") == 401


def test_a_visitor_has_so_many_streams_and_no_more(served_sqlite: Served) -> None:
    served = served_sqlite
    vera, other = served.site.browser(), served.site.browser()
    vera.open()
    other.open()
    ticket = served.ticket(vera)
    readers = [served.reader(ticket) for _ in range(MOST_STREAMS)]
    assert {reader.status for reader in readers} == {200}
    refused = served.reader(ticket)
    readers.append(refused)
    assert refused.status == 429
    assert "Retry-After" in refused.head
    with served.looking_on(other):
        pass
    for reader in readers:
        reader.close()


def test_a_slow_reader_is_told_once_that_there_is_news(served_sqlite: Served) -> None:
    served, vera = served_sqlite, served_sqlite.site.browser()
    vera.open()
    vera.say("hello")
    with served.looking_on(vera):
        (stream,) = served.hub._guests.everybody()
        frames = iter(stream)
        for _ in range(1_000):
            assert stream.put(b"event: news\ndata: {}\n\n", once=True)
        assert len(stream._queue) <= 1
        del frames
