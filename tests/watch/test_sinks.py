"""Mail and webhooks as they go over the wire; what must never get into them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from werkzeug.wrappers import Response

from gateway.clock import MovableClock, to_micros
from gateway.config import SmtpSettings, Workspace
from gateway.errors import Again
from gateway.signs import Notice
from gateway.sinks.mail import MailSink
from gateway.sinks.post import PostSink, to_json
from tests.agents.servers import raw_server
from tests.watch.servers import Mails, mail_server, webhook_server
from tests.watch.watcher import SECRET, verified

# aiosmtpd does not see TLS that is there from the beginning, and warns of a login without it.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

START = datetime(2026, 11, 22, 16, 8, tzinfo=UTC)
NOTICE = Notice(
    id="ntc_1", event="raised", alert_id="alr_1", channel="acme", code="silent",
    what="no notification for 3 h 10 min", do="look at https://app.intercom.com/webhooks",
    since=to_micros(START), raised_at=to_micros(START) + 60_000_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def sink(mails: Mails, authority: trustme.CA | None = None, **more: Any) -> MailSink:
    context = None
    if authority is not None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
    settings: dict[str, Any] = {"security": "none", "sender": "Gateway <gw@acme.example>", **more}
    return MailSink(
        SmtpSettings(host="localhost" if authority else "127.0.0.1", port=mails.port, **settings),
        ("ops@acme.example", "ann@acme.example"),
        workspace=Workspace(name="Acme", time_zone="Europe/Dublin"),
        public_url="https://gw.acme.example", clock=MovableClock(START), context=context,
    )  # fmt: skip


def test_a_mail_as_people_read_it() -> None:
    over = replace(
        NOTICE, id="ntc_2", event="cleared", code="drift", what="12 of 80 were repaired",
        cleared_at=to_micros(START) + 3_600_000_000,
    )  # fmt: skip
    with mail_server() as mails:
        sink(mails).tell([NOTICE, over])
    (mail,) = mails.taken
    assert mail["Subject"] == "[Acme] 1 new problem, 1 problem over"
    assert mail["From"] == "Gateway <gw@acme.example>"
    assert mail["Message-ID"] == "<ntc_1@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == [
        "Something is wrong:",
        "",
        "  acme: no notification for 3 h 10 min.",
        "    Since 22 Nov 2026, 16:08.",
        "    What to do: look at https://app.intercom.com/webhooks.",
        "",
        "Over:",
        "",
        "  acme: 12 of 80 were repaired.",
        "    From 22 Nov 2026, 16:08 to 22 Nov 2026, 17:08.",
        "",
        "To look again: gateway doctor",
        "or https://gw.acme.example/api/v1/channels/acme/health",
    ]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_with_a_login(authority: trustme.CA, security: str) -> None:
    context = server_context(authority)
    options = {"starttls": context} if security == "starttls" else {"tls": context}
    with mail_server(**options, login=True) as mails:  # type: ignore[arg-type]
        sink(mails, authority, security=security, username="gateway", password="pass-word").tell(
            [NOTICE]
        )
    assert mails.logins == [("gateway", "pass-word")]
    assert len(mails.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    authority: trustme.CA, security: str
) -> None:
    context = server_context(authority)
    options = {"starttls": context} if security == "starttls" else {"tls": context}
    with mail_server(**options) as mails:  # type: ignore[arg-type]
        stranger = sink(mails, trustme.CA(), security=security)
        with pytest.raises(Again, match="SSLCertVerificationError"):
            stranger.tell([NOTICE])
    assert mails.taken == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server() as mails, pytest.raises(Again, match="SMTPNotSupportedError"):
        sink(mails, security="starttls", username="gateway", password="pass-word").tell([NOTICE])
    assert (mails.taken, mails.logins) == ([], [])


def test_the_mail_servers_password_is_replaced_while_mails_are_sent(
    authority: trustme.CA,
) -> None:
    def told(password: str) -> None:
        login = {"security": "starttls", "username": "gateway", "password": password}
        sink(mails, authority, **login).tell([NOTICE])

    with mail_server(starttls=server_context(authority), login=True) as mails:
        told("pass-word")
        mails.passwords.add("another-word")  # processes of before and after, side by side
        told("pass-word")
        told("another-word")
        mails.passwords.remove("pass-word")
        told("another-word")
        with pytest.raises(Again, match="refused"):  # ... so it is tried again, after the restart
            told("pass-word")
        assert len(mails.taken) == 4


def test_a_wrong_password_is_told_without_it(authority: trustme.CA) -> None:
    with mail_server(starttls=server_context(authority), login=True) as mails:
        wrong = sink(
            mails, authority, security="starttls", username="gateway", password="not-it-at-all"
        )
        with pytest.raises(Again, match="the mail server refused: 535") as told:
            wrong.tell([NOTICE])
        assert "not-it-at-all" not in repr(told.value) + repr(wrong)
    assert "not-it-at-all" not in repr(SmtpSettings(host="h", sender="s", password="not-it-at-all"))


def test_some_who_are_refused_do_not_stop_the_others() -> None:
    with mail_server() as mails:
        mails.refuse_to = ("ops@acme.example",)
        sink(mails).tell([NOTICE])
        assert mails.to == [["ann@acme.example"]]
        mails.refuse_to = ("ops@acme.example", "ann@acme.example")
        with pytest.raises(Again):
            sink(mails).tell([NOTICE])


def test_nobody_there() -> None:
    with mail_server() as mails:
        pass
    with pytest.raises(Again, match="no mail could be sent"):
        sink(mails).tell([NOTICE])


@pytest.mark.parametrize("field", ["what", "channel", "do"])
def test_words_add_no_header(field: str) -> None:
    """Names of teammates come from outside, and get into what is told."""
    evil = "Sage\r\nBcc: everybody@example.test\r\n\r\nHello\x00\u2028there"
    with mail_server() as mails:
        sink(mails).tell([replace(NOTICE, **{field: evil})])
    (mail,) = mails.taken
    assert mail["Bcc"] is None
    assert mails.to == [["ops@acme.example", "ann@acme.example"]]
    assert "\n" not in mail["Subject"]
    assert set(mail.keys()) >= {"From", "To", "Subject", "Date", "Message-ID"}


def test_a_name_in_other_letters_arrives() -> None:
    with mail_server() as mails:
        sink(mails).tell([replace(NOTICE, what="Zoë 🙂 ist weg")])
    assert mails.taken[0]["Subject"] == "[Acme] acme: Zoë 🙂 ist weg"
    assert "Zoë 🙂 ist weg" in mails.taken[0].get_content()


# -- webhooks ----------------------------------------------------------------------------------


def test_a_webhook_is_signed() -> None:
    with webhook_server() as posts:
        PostSink(posts.url, SECRET, clock=MovableClock(START)).tell([NOTICE])
    ((headers, body),) = posts.got
    assert verified(headers, body) == {
        "type": "alert.raised",
        "alert": {
            "id": "alr_1", "channel": "acme", "code": "silent",
            "what": "no notification for 3 h 10 min",
            "do": "look at https://app.intercom.com/webhooks",
            "since": "2026-11-22T16:08:00Z", "raised_at": "2026-11-22T16:09:00Z",
            "cleared_at": None,
        },
    }  # fmt: skip
    assert headers["webhook-id"] == "ntc_1"
    assert body == to_json(NOTICE)


@pytest.mark.parametrize("status", [301, 307, 400, 410, 500])
def test_what_is_not_taken_is_again(status: int) -> None:
    with webhook_server() as posts:
        posts.answers = [Response(status=status, headers={"Location": posts.url})]
        with pytest.raises(Again) as told:
            PostSink(posts.url, SECRET, clock=MovableClock(START)).tell([NOTICE])
    assert len(posts.got) == 1
    assert "not-to-be-told" not in told.value.message
    assert told.value.details == {"status": status}


@contextmanager
def hanging_up() -> Iterator[str]:
    with raw_server(lambda connection: None) as url:
        yield url


def test_a_receiver_that_hangs_up() -> None:
    with hanging_up() as url, pytest.raises(Again, match="cannot be reached, or hung up"):
        PostSink(url, SECRET, clock=MovableClock(START)).tell([NOTICE])
