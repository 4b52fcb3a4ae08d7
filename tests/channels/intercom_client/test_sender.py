"""Each command against the stand-in: what it brings about there, and the receipt it returns."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.channels.intercom.client import IntercomPort
from gateway.channels.intercom.sender import IntercomSender, open_sender
from gateway.commands import AddNote, Assign, Close, Command, SendMessage
from gateway.config import IntercomSettings
from gateway.errors import Again, Never, NotFound, UnknownOutcome
from gateway.events import (
    NOBODY,
    Assigned,
    Assignee,
    AssigneeSeen,
    Closed,
    MessageReceived,
    NoteAdded,
    StaffSeen,
)
from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID, BILLING_TEAM_ID, BOT_ADMIN_ID, SUPPORT_TEAM_ID
from intercom_standin.records import Conversation, Part
from tests.channels.intercom_client.stub import Behaviour, says, stub

BOT, AOIFE, SUPPORT = str(BOT_ADMIN_ID), str(AOIFE_ID), str(SUPPORT_TEAM_ID)
AI = Assignee(kind="ai", id=BOT)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(mode="manual") as running:
        yield running


@pytest.fixture
def sender(standin: StandIn) -> IntercomSender:
    return open_sender(settings(standin.base_url))


@pytest.fixture
def conversation(standin: StandIn) -> str:
    started = standin.world.customer_starts("Where is my order?", name="Ada", email="ada@x.example")
    assert started.conversation is not None
    return started.conversation.id


def settings(base_url: str, **changed: object) -> IntercomSettings:
    given: dict[str, object] = {
        "name": "acme-intercom",
        "agent": "support",
        "access_token": "standin-token",
        "client_secret": ("s",),
        "bot_admin_id": BOT,
        "base_url": base_url,
        **changed,
    }
    return IntercomSettings(**given)  # type: ignore[arg-type]


def newest(standin: StandIn, conversation: str) -> tuple[Conversation, Part]:
    found = standin.world.snapshot(conversation)
    return found, found.parts[-1]


def push(sender: IntercomSender, command: Command) -> tuple[str, int, int]:
    done = sender.push(command, deadline=5)
    return done.id, done.at, done.number


def receipt(part: Part) -> tuple[str, int, int]:
    return part.id, part.created_at * 1_000_000, int(part.id)


# -- each command


def test_message_is_said_as_the_bot(
    standin: StandIn, sender: IntercomSender, conversation: str
) -> None:
    done = push(sender, SendMessage(conversation=conversation, text="It is **on its way** <b>"))
    _, part = newest(standin, conversation)
    assert done == receipt(part)
    assert part.author.id == BOT
    assert part.body == '<p class="no-margin">It is <strong>on its way</strong> &lt;b&gt;</p>'
    assert part.part_type != "note"


def test_message_is_said_as_an_operator(
    standin: StandIn, sender: IntercomSender, conversation: str
) -> None:
    command = SendMessage(conversation=conversation, text="Hello, Aoife here", as_operator=AOIFE)
    done = push(sender, command)
    _, part = newest(standin, conversation)
    assert done == receipt(part)
    assert part.author.id == AOIFE


@pytest.mark.parametrize("state", ["unassigned", "assigned", "closed", "snoozed"])
def test_message_is_found_whatever_kind_of_part_it_became(
    standin: StandIn, sender: IntercomSender, conversation: str, state: str
) -> None:
    if state == "assigned":
        standin.world.assign(conversation, "bot")
    elif state == "closed":
        standin.world.close(conversation, AOIFE)
    elif state == "snoozed":
        standin.world.snooze(conversation, AOIFE)
    for text in ("One moment, please", "One moment, please"):
        done = push(sender, SendMessage(conversation=conversation, text=text))
        assert done == receipt(newest(standin, conversation)[1])


def test_note_stays_inside(standin: StandIn, sender: IntercomSender, conversation: str) -> None:
    done = push(sender, AddNote(conversation=conversation, text="Refund\n\n- 500 EUR"))
    _, part = newest(standin, conversation)
    assert done == receipt(part)
    assert (part.part_type, part.author.id) == ("note", BOT)


@pytest.mark.parametrize(
    ("to", "admin", "team"),
    [
        (Assignee(kind="operator", id=AOIFE), AOIFE_ID, None),
        (Assignee(kind="operator", id=AOIFE, team=SUPPORT), AOIFE_ID, None),
        (Assignee(kind="team", id=SUPPORT), None, SUPPORT_TEAM_ID),
        (AI, BOT_ADMIN_ID, None),
        (Assignee(kind="ai"), BOT_ADMIN_ID, None),
        (Assignee(kind="ai", team=SUPPORT), None, SUPPORT_TEAM_ID),
        (NOBODY, None, None),
    ],
)
@pytest.mark.parametrize("closed", [False, True])
def test_assignment(
    standin: StandIn,
    sender: IntercomSender,
    conversation: str,
    to: Assignee,
    admin: int | None,
    team: int | None,
    closed: bool,
) -> None:
    if closed:
        standin.world.close(conversation, AOIFE)
    done = push(sender, Assign(conversation=conversation, to=to))
    held, part = newest(standin, conversation)
    assert (held.holding.admin_id, held.holding.team_id) == (admin, team)
    assert done == receipt(part)
    assert part.author.id == BOT
    body = standin.requests[-1].body
    assert body is not None
    assert "body" not in body, "versions disagree on whether the customer would see it"


def test_close(standin: StandIn, sender: IntercomSender, conversation: str) -> None:
    done = push(sender, Close(conversation=conversation))
    held, part = newest(standin, conversation)
    assert done == receipt(part)
    assert (held.state, part.part_type, part.author.id, part.body) == ("closed", "close", BOT, None)


@pytest.mark.parametrize("text", ["", "  \n", "\u00a0", "[](https://x.example)", "![]()"])
@pytest.mark.parametrize("kind", [SendMessage, AddNote])
def test_blank_words_are_never_sent(
    standin: StandIn, sender: IntercomSender, conversation: str, kind: type[SendMessage], text: str
) -> None:
    with pytest.raises(Never, match="blank"):
        sender.push(kind(conversation=conversation, text=text), deadline=5)
    assert standin.requests == []


def test_picture_alone_is_not_blank(
    standin: StandIn, sender: IntercomSender, conversation: str
) -> None:
    command = SendMessage(conversation=conversation, text="![](https://x.example/a.png)")
    assert push(sender, command) == receipt(newest(standin, conversation)[1])


@pytest.mark.parametrize(
    "to", [Assignee(kind="bot", id="1"), Assignee(kind="operator"), Assignee(kind="team")]
)
def test_assignment_that_intercom_does_not_know(sender: IntercomSender, to: Assignee) -> None:
    with pytest.raises(Never, match="cannot assign"):
        sender.push(Assign(conversation="7", to=to), deadline=5)


@pytest.mark.parametrize(
    "command",
    [
        SendMessage(conversation="1", text="Hi"),
        AddNote(conversation="1", text="Hi"),
        Assign(conversation="1", to=NOBODY),
        Close(conversation="1"),
    ],
)
def test_commands_for_a_conversation_that_is_gone(sender: IntercomSender, command: Command) -> None:
    with pytest.raises(Never) as caught:
        sender.push(command, deadline=5)
    assert caught.value.details["status"] == 404


def test_unknown_seats(sender: IntercomSender, conversation: str) -> None:
    with pytest.raises(Never, match="admin_not_found"):
        sender.push(SendMessage(conversation=conversation, text="Hi", as_operator="99"), deadline=5)
    with pytest.raises(Never, match="team_not_found"):
        sender.push(
            Assign(conversation=conversation, to=Assignee(kind="team", id="99")), deadline=5
        )


# -- faults


@pytest.mark.parametrize(
    ("fault", "error", "happened"),
    [
        ("rate_limited", Again, False),
        ("server_error", UnknownOutcome, False),
        ("server_error_after", UnknownOutcome, True),
        ("unavailable", UnknownOutcome, False),
        ("timeout_before", UnknownOutcome, False),
        ("timeout_after", UnknownOutcome, True),
    ],
)
def test_faults(
    standin: StandIn,
    sender: IntercomSender,
    conversation: str,
    fault: str,
    error: type[Exception],
    happened: bool,
) -> None:
    standin.faults.add(fault, where="effect", count=None, seconds=0.3)
    with pytest.raises(error) as caught:
        sender.push(SendMessage(conversation=conversation, text="Hi"), deadline=5)
    assert type(caught.value) is error
    assert len(standin.requests) == 1, "nothing may be repeated in here"
    assert bool(standin.world.snapshot(conversation).parts) is happened


def test_deadline_passes_through(
    standin: StandIn, sender: IntercomSender, conversation: str
) -> None:
    standin.faults.add("slow", where="any", count=None, seconds=3)
    for ask, error in (
        (lambda: sender.push(Close(conversation=conversation), deadline=0.3), UnknownOutcome),
        (lambda: sender.read(conversation, deadline=0.3), Again),
    ):
        begun = time.monotonic()
        with pytest.raises(error):
            ask()
        assert time.monotonic() - begun < 1


def test_answer_is_found_among_what_others_do_meanwhile(
    standin: StandIn, sender: IntercomSender, conversation: str
) -> None:
    standin.world.assign(conversation, "bot")

    def meanwhile(_: object) -> None:
        standin.world.admin_notes(conversation, BOT, "a note by the same seat")
        standin.world.admin_replies(conversation, AOIFE, "Hello")
        standin.world.customer_replies(conversation, "Hello")
        standin.world.assign(conversation, f"team:{BILLING_TEAM_ID}")

    standin.faults.hooks.before_effect = meanwhile
    done = push(sender, SendMessage(conversation=conversation, text="Hello"))
    standin.faults.hooks.before_effect = None
    assert done == receipt(newest(standin, conversation)[1])


def test_threads_share_a_sender(standin: StandIn, sender: IntercomSender) -> None:
    ids = []
    for number in range(12):
        started = standin.world.customer_starts(f"Question {number}").conversation
        assert started is not None
        ids.append(started.id)
    done: dict[str, tuple[str, int, int]] = {}

    def answer(conversation: str) -> None:
        done[conversation] = push(
            sender, SendMessage(conversation=conversation, text=f"Answer to {conversation}")
        )

    threads = [threading.Thread(target=answer, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == {one: receipt(newest(standin, one)[1]) for one in ids}


# -- answers that do not show what was done


def conversation_with(*parts: dict[str, object], **fields: object) -> Behaviour:
    listed = {"type": "conversation_part.list", "conversation_parts": list(parts)}
    item = {"type": "conversation", "id": "7", "updated_at": 1_700_000_000, "state": "open"}
    return says(200, item | {"conversation_parts": listed} | fields)


def part(id: str, body: str | None = None, **fields: object) -> dict[str, object]:
    return {
        "type": "conversation_part",
        "id": id,
        "part_type": "comment",
        "body": body,
        "created_at": 1_700_000_000,
        "assigned_to": None,
        "author": {"type": "admin", "id": BOT},
    } | fields


def pushed(behaviour: Behaviour, command: Command) -> tuple[str, int, int]:
    with stub(behaviour) as server:
        return push(open_sender(settings(server.url)), command)


HELLO = SendMessage(conversation="7", text="Hello")
AT = 1_700_000_000 * 1_000_000


def test_newest_part_with_the_same_words_is_it() -> None:
    behaviour = conversation_with(
        part("30", "<p>Hello</p>"),
        part("100", "<p>Hello</p>"),
        part("105", "<p>hello there</p>"),
        part("101", "<p>Hello</p>", author={"type": "admin", "id": AOIFE}),
        part("102", "<p>Hello</p>", part_type="note"),
        part("103", "<p>Hello</p>", author={"type": "contact", "id": "c"}),
        part("104", "Hello", author={"type": "bot", "id": BOT}, created_at=1_600_000_000),
    )
    assert pushed(behaviour, HELLO) == ("100", AT, 100)


def test_newest_part_of_the_seat_is_it_when_intercom_changed_the_words() -> None:
    behaviour = conversation_with(part("30", "<p>Hallo</p>"), part("31", "<p>Hullo</p>"))
    assert pushed(behaviour, HELLO) == ("31", AT, 31)


def test_reply_kept_as_a_bots_comment_is_it() -> None:
    behaviour = conversation_with(part("5", "<p>Hello</p>", author={"type": "bot", "id": "1"}))
    assert pushed(behaviour, HELLO) == ("5", AT, 5)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part("30", "<p>Hello</p>", created_at=1_699_999_900)],
        [part("30", "<p>Hello</p>", author={"type": "admin", "id": AOIFE})],
        [part("30", "<p>Hello</p>", author=None)],
        [part("30")],
        [{"id": None}, {}],
    ],
)
def test_words_taken_but_not_shown_are_an_unknown_outcome_that_was_accepted(
    parts: list[dict[str, object]],
) -> None:
    with pytest.raises(UnknownOutcome) as caught:
        pushed(conversation_with(*parts), HELLO)
    assert caught.value.details == {"accepted": True}


@pytest.mark.parametrize("lists", [None, [], "x", {"conversation_parts": None}])
def test_answer_without_parts_is_no_accident(lists: object) -> None:
    with pytest.raises(UnknownOutcome):
        pushed(conversation_with(conversation_parts=lists), HELLO)


@pytest.mark.parametrize("nothing", [None, 0, "0", ""])
def test_assignment_that_changed_nothing_is_done(nothing: object) -> None:
    """Intercom may make no part when the assignee stays the same: the state tells."""
    to_team = Assign(conversation="7", to=Assignee(kind="team", id=SUPPORT))
    stands = conversation_with(admin_assignee_id=nothing, team_assignee_id=SUPPORT_TEAM_ID)
    assert pushed(stands, to_team) == ("7@1700000000", AT, 0)
    to_nobody = Assign(conversation="7", to=NOBODY)
    assert pushed(stands, to_nobody) == ("7@1700000000", AT, 0)
    with pytest.raises(UnknownOutcome):
        pushed(stands, Assign(conversation="7", to=AI))
    held = conversation_with(admin_assignee_id=BOT_ADMIN_ID, team_assignee_id=SUPPORT_TEAM_ID)
    assert pushed(held, Assign(conversation="7", to=AI)) == ("7@1700000000", AT, 0)
    with pytest.raises(UnknownOutcome):
        pushed(held, to_team)
    with pytest.raises(UnknownOutcome):
        pushed(held, to_nobody)


def test_close_of_what_is_closed_is_done() -> None:
    assert pushed(conversation_with(state="closed"), Close(conversation="7"))[0] == "7@1700000000"
    with pytest.raises(UnknownOutcome):
        pushed(conversation_with(state="open"), Close(conversation="7"))


# -- reading


def test_read_tells_everything(standin: StandIn, sender: IntercomSender, conversation: str) -> None:
    standin.world.assign(conversation, "bot")
    sent = sender.push(SendMessage(conversation=conversation, text="Hello *Ada*"), deadline=5)
    noted = sender.push(AddNote(conversation=conversation, text="a friend"), deadline=5)
    given = sender.push(
        Assign(conversation=conversation, to=Assignee(kind="team", id=SUPPORT)), deadline=5
    )
    standin.world.assign(conversation, f"admin:{AOIFE}", by=AOIFE)
    snapshot = sender.read(conversation, deadline=5)
    assert snapshot.conversation == conversation
    assert snapshot.assignee == Assignee(kind="operator", id=AOIFE, team=SUPPORT)
    assert snapshot.closed is False
    assert snapshot.updated_at == newest(standin, conversation)[0].updated_at * 1_000_000
    said = {e.id: e for e in snapshot.events if isinstance(e, MessageReceived)}
    assert [one.author.kind for one in said.values()] == ["customer", "ai"]
    assert said[sent.id].text == "Hello Ada"
    assert (said[sent.id].at.at, said[sent.id].at.number) == (sent.at, sent.number)
    notes = [e for e in snapshot.events if isinstance(e, NoteAdded)]
    assert [(one.id, one.text) for one in notes] == [(noted.id, "a friend")]
    assigned = [e for e in snapshot.events if isinstance(e, Assigned)]
    assert [one.to.kind for one in assigned] == ["ai", "team", "operator"]
    assert (assigned[1].at.at, assigned[1].at.number) == (given.at, given.number)
    (seen,) = [e for e in snapshot.events if isinstance(e, AssigneeSeen)]
    assert (seen.assignee, seen.read) == (snapshot.assignee, True)


def test_read_of_a_closed_one(standin: StandIn, sender: IntercomSender, conversation: str) -> None:
    done = sender.push(Close(conversation=conversation), deadline=5)
    snapshot = sender.read(conversation, deadline=5)
    assert snapshot.closed is True
    assert snapshot.assignee == NOBODY
    (closed,) = [e for e in snapshot.events if isinstance(e, Closed)]
    assert (closed.at.at, closed.at.number) == (done.at, done.number)


def test_read_where_the_ai_answers_for_a_team(standin: StandIn, conversation: str) -> None:
    standin.world.assign(conversation, f"team:{SUPPORT}")
    sender = open_sender(settings(standin.base_url, ai_teams=(SUPPORT,)))
    assert sender.read(conversation, deadline=5).assignee.kind == "ai"


def test_read_of_what_is_gone(standin: StandIn, sender: IntercomSender, conversation: str) -> None:
    standin.world.delete_conversation(conversation)
    with pytest.raises(NotFound):
        sender.read(conversation, deadline=5)


def test_conversation_that_cannot_be_read_is_not_an_answer() -> None:
    """The look before the send fails closed."""
    for behaviour in (
        conversation_with(),
        conversation_with(part("1", created_at="yesterday"), admin_assignee_id=None),
    ):
        with stub(behaviour) as server, pytest.raises(Again):
            open_sender(settings(server.url)).read("7", deadline=5)


def test_directory(sender: IntercomSender, standin: StandIn) -> None:
    standin.world.set_away(AOIFE, away=True)
    staff = [one for one in sender.directory() if isinstance(one, StaffSeen)]
    assert [(one.kind, one.id, one.name, one.away) for one in staff] == [
        ("ai", BOT, "Sage (AI)", False),
        ("operator", AOIFE, "Aoife Byrne", True),
        ("operator", "1845203", "Marek Nowak", False),
        ("team", SUPPORT, "Support", None),
        ("team", str(BILLING_TEAM_ID), "Billing", None),
    ]


# -- the import


def test_the_request_path_does_not_import_the_sdk() -> None:
    code = (
        "import sys, gateway.channels.intercom\n"
        "heavy = {'intercom', 'httpx', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "import gateway.channels.intercom.sender\n"
        "assert 'intercom' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_sender_is_made_of_settings_without_a_request() -> None:
    made = open_sender(settings("https://api.eu.intercom.io", region="eu"))
    assert isinstance(made._port, IntercomPort)
    assert made._port.region == "eu"
