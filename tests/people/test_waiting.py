"""Mails that call operators: who gets one, when, once; what is in it and what is not."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from gateway.agents.base import Agent
from gateway.clock import MovableClock, to_micros
from gateway.config import SmtpSettings, Workspace
from gateway.errors import Again, Never, UnknownOutcome
from gateway.people import editing, waiting
from gateway.people.presence import Seen
from gateway.people.waiting import Mail
from gateway.sinks.waiting import WaitMailer
from gateway.store.models import ChatSession, WaitMail
from gateway.sync.drain import Drain
from gateway.sync.jobs import Bench
from gateway.sync.scheduler import ON_A_CLOCK, tick
from gateway.sync.upkeep import Upkeep
from gateway.sync.waiting import WaitMails
from tests.api.house import House
from tests.services.valkey import ValkeyServer
from tests.watch.servers import Mails, mail_server

HOUR = 3_600.0


class Desk:
    """A house with a mail server. Ann (`operator`) and Adam (`admin`) work, Vera only looks."""

    def __init__(self, url: str, mails: Mails, **more: Any) -> None:
        self.house = House(url, **more)
        self.mails = mails
        smtp = SmtpSettings(
            host="127.0.0.1", port=mails.port, security="none", sender="GW <gw@acme.example>"
        )
        settings = self.house.parts.settings
        mailer = WaitMailer(
            smtp, workspace=settings.workspace, public_url=settings.public_url,
            clock=self.house.clock,
        )  # fmt: skip
        self.parts = replace(self.house.parts, wait_mailer=mailer)
        self.work = WaitMails(self.parts)

    def agent(self, **rules: Any) -> None:
        """Give the AI agent other rules."""
        self.agents({"support": replace(self.parts.agents["support"], **rules)})

    def agents(self, agents: Mapping[str, Agent]) -> None:
        """Have other AI agents."""
        old = self.parts.availability
        availability = type(old)(old._zone, old._hours, agents)
        self.parts = replace(self.parts, agents=agents, availability=availability)
        self.work = WaitMails(self.parts)

    def edit(self, who: str, **changes: Any) -> None:
        id = self.house.ids[who]
        self.house.database.write(lambda db: editing.edit(db, id, changes, self.house.now))

    def waits(self, conversation: str = "1001") -> str:
        """A customer waits for a person; the session's id."""
        session = self.house.session(conversation, "A private matter")
        done = self.house.post(f"/sessions/{session}/handover", {"reason": "asks for a refund"})
        assert done.status_code == 200
        return session

    def pass_time(self, seconds: float = 31) -> None:
        self.house.clock.advance(seconds)

    def run(self) -> None:
        """Do what is due, as a worker would."""
        for _ in range(20):
            due = self.work.due(10)
            if not due:
                return
            for key in due:
                self.work.do(key)
        raise AssertionError("it never ends")

    def called(self) -> list[str]:
        """Who has got a mail, in all."""
        assert all(len(to) == 1 for to in self.mails.to)
        return sorted(to[0].partition("@")[0] for to in self.mails.to)

    def states(self) -> list[str]:
        with self.house.database.read() as db:
            return list(db.scalars(select(WaitMail.state).order_by(WaitMail.id)))

    def errors(self) -> list[str]:
        with self.house.database.read() as db:
            return [row for row in db.scalars(select(WaitMail.error).order_by(WaitMail.id)) if row]


@contextmanager
def opened(url: str, **more: Any) -> Iterator[Desk]:
    with mail_server() as mails:
        desk = Desk(url, mails, **more)
        try:
            yield desk
        finally:
            desk.house.parts.database.dispose()


@pytest.fixture
def desk(migrated_url: str) -> Iterator[Desk]:
    """Once on SQLite, once on PostgreSQL; without a Redis, so nobody is known to be there."""
    with opened(migrated_url) as desk:
        yield desk


@pytest.fixture
def lite(migrated_sqlite_url: str) -> Iterator[Desk]:
    with opened(migrated_sqlite_url) as desk:
        yield desk


@pytest.fixture
def present(migrated_sqlite_url: str, valkey_url: str) -> Iterator[Desk]:
    """With a Redis, for long enough."""
    with opened(migrated_sqlite_url, redis_url=valkey_url) as desk:
        desk.parts.presences.read()
        desk.pass_time(90)
        yield desk


def test_everybody_who_works_gets_one_mail(desk: Desk) -> None:
    session = desk.waits()
    desk.run()
    assert desk.called() == []
    desk.pass_time()
    desk.run()
    assert desk.called() == ["admin", "operator"]
    assert desk.states() == ["sent", "sent"]
    mail = desk.mails.taken[0]
    assert mail["Subject"] == "[Acme] Somebody waits: Carol"
    assert mail["From"] == "GW <gw@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].startswith("<wml_")
    assert mail.get_content().splitlines() == [
        "Carol has been waiting for a person since 22 Nov 2026, 16:00, and nobody was online.",
        "Reason: asks for a refund",
        "",
        f"https://gateway.acme.test/console/sessions/{session}",
        "",
        "You get this mail once, however long it takes.",
    ]
    assert "private" not in str(mail)


def test_one_wait_is_one_mail_and_another_wait_another(desk: Desk) -> None:
    session = desk.waits()
    for _ in range(3):
        desk.pass_time(HOUR)
        desk.run()
    assert desk.called() == ["admin", "operator"]
    assert desk.house.post(f"/sessions/{session}/hand_back").status_code == 200
    desk.pass_time()
    assert desk.house.post(f"/sessions/{session}/handover").status_code == 200
    desk.pass_time()
    desk.run()
    assert desk.called() == ["admin", "admin", "operator", "operator"]


def test_a_wait_that_is_dated_anew_is_the_same_one(lite: Desk) -> None:
    """News that come late may move the moment since when somebody waits, a little."""
    lite.waits()
    lite.pass_time()
    lite.run()
    for step in (-5, 20):
        moved = ChatSession.waiting_since + step * 1_000_000
        lite.house.database.write(
            lambda db, moved=moved: db.execute(  # type: ignore[misc]
                update(ChatSession)
                .where(ChatSession.waiting_since.is_not(None))
                .values(waiting_since=moved)
            )
        )
        lite.run()
    assert lite.called() == ["admin", "operator"]


def test_nobody_is_called_while_somebody_is_online(present: Desk) -> None:
    present.waits()
    present.pass_time()
    presences, ids = present.parts.presences, present.house.ids
    presences.say(ids["operator"], "online")
    present.run()
    assert present.called() == []
    # Whoever looks on is nobody to wait for.
    presences.say(ids["viewer"], "online")
    presences.say(ids["operator"], "away")
    present.run()
    assert present.called() == ["admin", "operator"]


def test_who_has_somebody_hides_nobody_who_has_not(present: Desk) -> None:
    """However many wait for one agent's people, who are there, another's are called."""
    support = replace(present.parts.agents["support"], operators=("admin@acme.test",))
    late = replace(present.parts.agents["late"], operators=("operator@acme.test",))
    present.agents({"support": support, "late": late})
    for number in range(3):
        present.waits(str(2000 + number))
    other = present.waits("3000")
    present.house.database.write(
        lambda db: db.execute(
            update(ChatSession).where(ChatSession.id == other).values(agent="late")
        )
    )
    present.pass_time()
    present.parts.presences.say(present.house.ids["admin"], "online")
    assert present.work.due(1) == [other]
    present.run()
    assert present.called() == ["operator"]


def test_they_are_called_when_the_last_one_leaves(present: Desk) -> None:
    present.waits()
    present.parts.presences.say(present.house.ids["operator"], "online")
    present.pass_time()
    present.run()
    assert present.called() == []
    present.pass_time(90)
    present.run()
    assert present.called() == ["admin", "operator"]


def test_after_redis_was_emptied_people_may_say_that_they_are_there(
    present: Desk, valkey_server: ValkeyServer
) -> None:
    present.waits()
    present.pass_time()
    valkey_server.empty()
    present.run()
    present.pass_time(60)
    present.parts.presences.say(present.house.ids["admin"], "online")
    present.pass_time(60)
    present.run()
    assert present.called() == []
    present.pass_time(60)
    present.run()
    assert present.called() == ["admin", "operator"]


def test_ten_mails_an_hour_are_enough(lite: Desk) -> None:
    lite.agent(operators=("operator@acme.test",))
    for number in range(12):
        lite.waits(str(4000 + number))
    lite.pass_time()
    lite.run()
    assert lite.called() == ["operator"] * 10
    lite.pass_time(HOUR)
    lite.run()
    assert lite.called() == ["operator"] * 12


def test_however_a_wait_is_dated_nobody_gets_two_mails_about_it(lite: Desk) -> None:
    """A rung of the ladder dates it by our clock, the channel by its own."""
    session = lite.waits()
    lite.pass_time()
    lite.run()
    ladder = waiting.Waiting(session_id=session, agent="support", since=lite.house.now - 31_500_000)
    with lite.house.database.read() as db:
        everybody = lite.parts.availability.candidates(db, Seen(), "support", lite.house.now)

    def owe(db: Any) -> int:
        return waiting.owe(db, ladder, everybody, lite.house.now)

    assert lite.house.database.write(owe) == 0
    lite.pass_time()
    ladder = replace(ladder, since=lite.house.now - 1)
    assert lite.house.database.write(owe) == 2


def test_who_is_asked_for_the_agent_is_called(lite: Desk) -> None:
    lite.agent(operators=("operator@acme.test",))
    lite.waits()
    lite.pass_time()
    lite.run()
    assert lite.called() == ["operator"]


def test_only_in_working_hours(lite: Desk) -> None:
    # It is Sunday.
    lite.edit("operator", working_hours="Mon-Fri 09:00-17:00")
    lite.edit("admin", working_hours="never")
    lite.waits()
    lite.pass_time()
    lite.run()
    assert (lite.called(), lite.states()) == ([], [])
    nine = datetime(2026, 11, 23, 9, tzinfo=UTC)
    lite.pass_time((nine - lite.house.clock.now()).total_seconds())
    lite.run()
    assert lite.called() == ["operator"]


def test_who_waits_for_more_than_a_day_calls_nobody(lite: Desk) -> None:
    lite.waits()
    lite.pass_time(24 * HOUR + 1)
    lite.run()
    assert lite.states() == []


def test_an_agent_may_do_without(lite: Desk) -> None:
    lite.agent(email_when_waiting=False)
    lite.waits()
    lite.pass_time()
    lite.run()
    assert lite.states() == []


def test_without_a_mail_server_nobody_is_called(lite: Desk) -> None:
    lite.work = WaitMails(replace(lite.parts, wait_mailer=None))
    lite.waits()
    lite.pass_time()
    lite.run()
    assert lite.states() == []


def test_the_scheduler_wakes_it(lite: Desk) -> None:
    lite.waits()
    lite.pass_time()
    stopping = threading.Event()
    bench = Bench(lite.parts, stopping)
    assert "waiting" in tick(bench, ON_A_CLOCK)
    Drain(bench.works["waiting"], lite.house.clock, stopping).run()
    assert lite.called() == ["admin", "operator"]
    assert "waiting" not in tick(bench, ON_A_CLOCK)


# -- trouble -----------------------------------------------------------------------------------


def test_a_mail_server_that_is_away_is_tried_again(lite: Desk) -> None:
    right = lite.parts.wait_mailer
    away = WaitMailer(
        SmtpSettings(host="127.0.0.1", port=1, security="none", sender="gw@acme.example"),
        workspace=lite.parts.settings.workspace, public_url="https://x.test",
        clock=lite.house.clock,
    )  # fmt: skip
    lite.work._parts = replace(lite.parts, wait_mailer=away)
    lite.waits()
    lite.pass_time()
    with capture_logs() as logs:
        lite.run()
    assert lite.states() == ["owed", "owed"]
    assert [line["event"] for line in logs] == ["operators_called", "wait_mail_not_sent"]
    assert "cannot be reached" in lite.errors()[0]
    lite.work._parts = replace(lite.parts, wait_mailer=right)
    lite.run()
    assert lite.called() == []  # not before its time
    lite.pass_time(60)
    lite.run()
    assert lite.called() == ["admin", "operator"]


def test_what_no_server_takes_within_an_hour_is_given_up(lite: Desk) -> None:
    lite.mails.refuse = "451 4.3.0 not now"
    lite.waits()
    lite.pass_time()
    for _ in range(9):
        lite.run()
        lite.pass_time(600)
    assert lite.states() == ["failed", "failed"]
    assert "451 4.3.0 not now" in lite.errors()[0]
    lite.mails.refuse = ""
    lite.run()
    assert lite.called() == []


def test_one_who_cannot_be_reached_costs_the_others_nothing(lite: Desk) -> None:
    lite.mails.refuse_to = ("admin@acme.test",)
    lite.waits()
    lite.pass_time()
    lite.run()
    assert lite.called() == ["operator"]
    assert sorted(lite.states()) == ["failed", "sent"]
    assert "nobody of that name" in lite.errors()[0]


def test_what_may_have_gone_out_is_not_sent_again(desk: Desk) -> None:
    """The server hangs up in the middle, or the worker dies: nobody knows, so once is enough."""
    desk.waits()
    desk.pass_time()
    (call,) = desk.work.due(10)
    desk.work.do(call)
    with desk.house.database.read() as db:
        ids = waiting.due(db, desk.house.now, 10)
    # A worker begins both and dies.
    for id in ids:
        begun = desk.house.database.write(
            lambda db, id=id: waiting.begin(db, id, desk.house.now)  # type: ignore[misc]
        )
        assert begun is not None
        again = desk.house.database.write(
            lambda db, id=id: waiting.begin(db, id, desk.house.now)  # type: ignore[misc]
        )
        assert again is None
    desk.run()
    assert desk.states() == ["sending", "sending"]
    desk.pass_time(180)
    desk.run()
    assert desk.states() == ["failed", "failed"]
    assert desk.called() == []


def test_several_workers_at_once_send_one_mail_each(desk: Desk) -> None:
    for number in range(4):
        desk.waits(str(5000 + number))
    desk.pass_time()
    together = threading.Barrier(3)
    broken: list[BaseException] = []

    def run() -> None:
        work = WaitMails(desk.parts)
        together.wait()
        try:
            for _ in range(20):
                for key in work.due(10):
                    work.do(key)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    desk.run()
    assert desk.called() == ["admin"] * 4 + ["operator"] * 4
    assert len({mail["Message-ID"] for mail in desk.mails.taken}) == 8
    assert desk.states() == ["sent"] * 8


def test_a_server_that_does_not_answer_may_have_it() -> None:
    mailer = a_mailer(1)

    class Gone(smtplib.SMTP):
        def __init__(self) -> None:
            pass

        def send_message(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
            raise smtplib.SMTPServerDisconnected("gone")

    with pytest.raises(UnknownOutcome, match="did not say"):
        mailer.send(Gone(), MAIL)


def test_who_waits_no_more_calls_nobody(desk: Desk) -> None:
    session = desk.waits()
    desk.pass_time()
    (call,) = desk.work.due(10)
    desk.work.do(call)
    assert desk.states() == ["owed", "owed"]
    desk.edit("operator", active=False)
    assert desk.house.post(f"/sessions/{session}/finish", role="admin").status_code == 200
    desk.run()
    assert (desk.called(), desk.states()) == ([], ["cancelled", "cancelled"])


def test_who_was_deactivated_is_not_called(lite: Desk) -> None:
    lite.waits()
    lite.pass_time()
    (call,) = lite.work.due(10)
    lite.work.do(call)
    lite.edit("operator", active=False)
    lite.run()
    assert lite.called() == ["admin"]


def test_old_mails_are_forgotten_and_nobody_is_called_again(lite: Desk) -> None:
    lite.waits()
    lite.pass_time()
    lite.run()
    lite.pass_time(31 * 24 * HOUR)
    Upkeep(lite.parts).forget()
    assert lite.states() == []
    lite.run()
    assert len(lite.called()) == 2


# -- what is in it -----------------------------------------------------------------------------

MAIL = Mail(
    id="wml_1", to="ann@acme.test", session_id="ses_1", name="", reason="",
    since=to_micros(datetime(2026, 11, 22, 16, 8, tzinfo=UTC)),
)  # fmt: skip


def test_a_customers_words_add_no_header_and_no_line() -> None:
    mailer = a_mailer(1)
    bad = replace(
        MAIL, name="Carol\r\nBcc: all@acme.test\r\n\r\n<script>", reason="one\ntwo\x00" + "x" * 900
    )
    mail = mailer.compose(bad)
    assert mail["Bcc"] is None
    assert mail["To"] == "ann@acme.test"
    assert mail["Subject"].startswith("[Acme] Somebody waits: Carol Bcc: all@acme.test <script>")
    lines = mail.get_content().splitlines()
    assert lines[1].startswith("Reason: one two xxx")
    assert len(lines[1]) < 320
    plain = mailer.compose(MAIL).get_content().splitlines()
    assert plain[0].startswith("A customer has been waiting")
    assert "Reason" not in "\n".join(plain)


def test_what_is_no_address_gets_no_mail() -> None:
    mailer = a_mailer(1)
    for to in ("a b@c.test", "x@", "ann@acme.test, bob@acme.test", "ann"):
        with pytest.raises(Never):
            mailer.compose(replace(MAIL, to=to))


def test_no_error_tells_the_password() -> None:
    with mail_server() as mails:
        mailer = a_mailer(mails.port, password="pass-word")
        mails.refuse = "550 5.7.1 pass-word is wrong"
        with pytest.raises(Never, match="… is wrong"), mailer.connected() as connection:
            connection.send(MAIL)
        mails.refuse = "451 4.7.1 pass-word is busy"
        with pytest.raises(Again, match="… is busy"), mailer.connected() as connection:
            connection.send(MAIL)


def a_mailer(port: int, **more: str) -> WaitMailer:
    """A mailer that no house stands around."""
    smtp = SmtpSettings(
        host="127.0.0.1", port=port, security="none", sender="gw@acme.example", **more
    )  # type: ignore[arg-type]
    workspace = Workspace(name="Acme", time_zone="Europe/Dublin")
    clock = MovableClock(datetime(2026, 11, 22, 16, 8, tzinfo=UTC))
    return WaitMailer(smtp, workspace=workspace, public_url="https://x.test", clock=clock)
