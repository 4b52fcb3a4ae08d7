"""Human Agents: who waits, in which order and colour, and what each may do about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.console.desk import View, passed, tone
from gateway.people import operators, teams
from tests.api.house import CHANNEL
from tests.console.house import words
from tests.console.people_house import PeopleHouse

PART = "/parts/human-agents"
EVIL = "<script>alert(1)</script>"


def heads(html: str) -> list[str]:
    return re.findall(r'<section class="desk-section"[^>]* aria-label="([^"]*)"', html)


def tickets(html: str) -> list[str]:
    return re.findall(r'data-ticket="(ses_\w+)"', html)


def acts(html: str) -> set[str]:
    """What can be done with the session that is open."""
    head = html.split('id="talk-head"')[1].split('class="pane-body')[0]
    return set(re.findall(r'data-act="POST /sessions/ses_\w+/([a-z_]+)"', head))


def unread(html: str) -> list[str]:
    return re.findall(r'<span class="sr-only">(\d+) unread</span>', html)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_one_has_read_is_still_news_to_the_others(
    kind: str, request: pytest.FixtureRequest
) -> None:
    url = "migrated_sqlite_url" if kind == "sqlite" else "migrated_postgres_url"
    office = PeopleHouse(request.getfixturevalue(url))
    vera = office.visitor("Vera")
    session = vera.says("Where is my parcel?")
    office.post(f"/sessions/{session}/handover", role="admin")
    vera.says("Hello?")
    ann, sam = office.browser("operator"), office.browser("admin")
    assert [unread(one.html("/human-agents")) for one in (ann, sam)] == [["2"], ["2"]]

    # Whoever looks has read it, for themselves; the customer is told of whoever says so aloud.
    quietly = ann.api("POST", f"/sessions/{session}/read", {"quietly": True})
    assert quietly.json == {"moved": True}
    assert [unread(one.html("/human-agents")) for one in (ann, sam)] == [[], ["2"]]
    assert vera.read_by_them() is None
    assert sam.api("POST", f"/sessions/{session}/read").json == {"moved": True}
    assert vera.read_by_them() is not None
    again = ann.api("POST", f"/sessions/{session}/read", {"quietly": True})
    assert again.json == {"moved": False}
    vera.says("Anybody?")
    assert [unread(one.html("/human-agents")) for one in (ann, sam)] == [["1"], ["1"]]

    # What was answered is no news to anybody.
    ann.api("POST", f"/sessions/{session}/messages", {"text": "It comes tomorrow."})
    assert [unread(one.html("/human-agents")) for one in (ann, sam)] == [[], []]
    office.parts.database.dispose()


def test_the_page_says_when_nothing_waits(office: PeopleHouse) -> None:
    html = office.browser().html("/human-agents")
    assert "<title>Human Agents · Acme</title>" in html
    assert "All quiet" in words(html)
    assert "No session is open" in words(html)
    assert office.browser().get(f"{PART}/waiting").json == {"waiting": 0, "mine": 0}


def test_a_handover_appears_as_incoming_and_can_be_accepted_with_the_whole_history(
    office: PeopleHouse,
) -> None:
    """M6."""
    session = office.handed_over("Where is my parcel?", reason="upset")
    ann = office.browser()
    assert ann.get(f"{PART}/waiting").json["waiting"] == 1
    queue = ann.html("/human-agents")
    assert (heads(queue), tickets(queue)) == (["Unassigned"], [session])
    page = ann.html(f"/human-agents/{session}")
    said = words(page)
    assert "Where is my parcel?" in said
    assert "Transfer to human agent at 22 Nov 2026, 16:00" in said
    assert "Handed over by Admin Ann: upset" in said
    assert acts(page) == {"accept", "hand_back", "copilot", "finish"}
    assert ann.api("POST", f"/sessions/{session}/accept").status_code == 200
    page = ann.html(f"/human-agents/{session}")
    assert "Operator Ann was assigned by Operator Ann at 22 Nov 2026, 16:00" in words(page)
    assert acts(page) == {"release", "hand_back", "copilot", "finish"}
    assert 'data-mine="yes"' in page
    assert heads(page) == ["You"]
    assert ann.get(f"{PART}/waiting").json == {"waiting": 0, "mine": 1}


def test_the_list_is_grouped_by_person_or_by_agent_and_filtered(office: PeopleHouse) -> None:
    waits, mine, bobs = (office.handed_over(name=name) for name in ("Vera", "Mia", "Bo"))
    office.add_operator("operator", key="zoe")
    office.give_passwords()
    office.post(f"/sessions/{mine}/accept")
    office.post(f"/sessions/{bobs}/accept", role="zoe")
    ann = office.browser()
    assert heads(ann.html("/human-agents")) == ["Unassigned", "You", "Zoe Ann"]
    assert heads(ann.html("/human-agents?group=agent")) == ["support"]
    assert tickets(ann.html("/human-agents?show=mine")) == [mine]
    assert tickets(ann.html("/human-agents?show=unassigned")) == [waits]
    assert tickets(ann.html("/human-agents?name=zoe")) == [bobs]
    assert tickets(ann.html("/human-agents?name=ver")) == [waits]
    nothing = ann.html("/human-agents?name=nobody")
    assert "No session with people matches." in words(nothing)
    assert tickets(ann.part(f"{PART}/queue?show=mine&open={mine}").text) == [mine]
    assert tickets(ann.html("/human-agents?show=rubbish&group=x")) == tickets(
        ann.html("/human-agents")
    )


def test_who_comes_second_is_told_who_has_it(office: PeopleHouse) -> None:
    session = office.handed_over()
    assert office.browser("admin").api("POST", f"/sessions/{session}/accept").status_code == 200
    refused = office.browser().api("POST", f"/sessions/{session}/accept")
    assert refused.status_code == 409
    assert refused.json["error"]["message"] == "Session was already accepted by Admin Ann"
    page = office.browser().html(f"/human-agents/{session}")
    assert "Admin Ann has this session." in words(page)
    assert "accept" not in acts(page)


def test_an_offer_can_be_accepted_or_declined_from_the_list(office: PeopleHouse) -> None:
    from gateway.conversations import offers

    session = office.handed_over()
    until = office.now + 60_000_000
    me = office.ids["operator"]
    office.database.write(lambda db: offers.offer(db, session, me, office.now, until))
    queue = office.browser().html("/human-agents")
    assert "Offered to you" in words(queue)
    assert f'data-act="POST /sessions/{session}/decline"' in queue
    assert "Offered to you" not in words(office.browser("admin").html("/human-agents"))


def test_a_finished_session_can_be_read_and_nothing_more(office: PeopleHouse) -> None:
    session = office.handed_over()
    office.post(f"/sessions/{session}/finish")
    page = office.browser().html(f"/human-agents/{session}")
    assert "Session is already finished." in words(page)
    assert acts(page) == set()
    assert 'data-can-reply="no"' in page
    assert tickets(page) == []


def test_what_the_ai_holds_says_so(office: PeopleHouse) -> None:
    session = office.visitor("Vera").says("Hello?")
    page = office.browser().html(f"/human-agents/{session}")
    assert "The AI is in charge. Your reply takes the session over." in words(page)
    assert acts(page) == {"copilot", "finish"}


# -- Intercom --------------------------------------------------------------------------------------


def test_what_lives_in_intercom_says_so_and_leads_there(office: PeopleHouse) -> None:
    session = office.session("1001")
    office.post(f"/sessions/{session}/handover")
    page = office.browser().html(f"/human-agents/{session}")
    assert words(page).count("Handled in Intercom") == 2
    link = "https://app.intercom.com/a/inbox/app1/inbox/conversation/1001"
    assert f'href="{link}" target="_blank" rel="noopener noreferrer"' in page
    assert "What you write here goes out as Operator Ann." in words(page)
    assert 'data-can-reply="yes"' in page
    assert 'data-files="no"' in page, "files do not go there"


def test_who_is_not_linked_is_told_how_to_be(office: PeopleHouse) -> None:
    session = office.session("1001")
    office.post(f"/sessions/{session}/handover")
    id = office.ids["operator"]
    office.database.write(lambda db: operators.unlink(db, id, CHANNEL))
    ann = office.browser()
    page = ann.html(f"/human-agents/{session}")
    told = (
        f"You are not linked to a person in {CHANNEL}. An administrator links you on the page "
        f"Operators, or with: gateway operators edit operator@acme.test --link {CHANNEL}:ADMIN_ID"
    )
    assert told in words(page)
    assert re.search(r'aria-disabled="true" aria-describedby="accept-why"', page)
    assert 'data-can-reply="no"' in page
    assert "accept" not in acts(page)
    assert ann.get(f"{PART}/waiting").json["waiting"] == 0, "it is nothing for them"


# -- to whom ---------------------------------------------------------------------------------------


def test_a_session_is_given_to_people_and_teams(office: PeopleHouse) -> None:
    session = office.handed_over()
    admin = office.ids["admin"]
    team = office.database.write(lambda db: teams.add(db, "Second line", [admin], office.now))
    office.staff("team", "700", "Of Intercom")
    html = office.browser().part(f"{PART}/people/{session}").text
    said = words(html)
    assert "Admin Ann" in said
    assert "Operator Ann (you)" in said
    assert "Viewer Ann" not in said
    assert "Second line" in said
    assert "Of Intercom" not in said
    ann = office.browser()
    done = ann.api("POST", f"/sessions/{session}/assign", {"team_id": team.id})
    assert done.json["session"]["responsible"]["team_name"] == "Second line"
    assert heads(ann.html("/human-agents")) == ["Team Second line"]

    theirs = office.session("1001")
    office.post(f"/sessions/{theirs}/handover")
    said = words(office.browser().part(f"{PART}/people/{theirs}").text)
    assert "Of Intercom" in said
    assert "Second line" not in said
    office.add_operator("operator", key="new")
    assert "New Ann is not linked to a person in acme-intercom" in words(
        office.browser().part(f"{PART}/people/{theirs}").text
    )


# -- copilot ---------------------------------------------------------------------------------------


def test_the_copilot_is_a_switch(office: PeopleHouse) -> None:
    session = office.handed_over()
    ann = office.browser()
    assert 'role="switch" aria-checked="false"' in ann.html(f"/human-agents/{session}")
    assert ann.api("POST", f"/sessions/{session}/copilot", {"on": True}).status_code == 200
    page = ann.html(f"/human-agents/{session}")
    assert 'role="switch" aria-checked="true"' in page
    assert "Copilot" in words(page)


# -- who gets in -----------------------------------------------------------------------------------

PAGES = ["/human-agents", "/human-agents/{}", f"{PART}/queue", f"{PART}/head/{{}}",
         f"{PART}/people/{{}}", f"{PART}/waiting"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_it_is_for_those_who_may_act(office: PeopleHouse, page: str) -> None:
    path = page.format(office.handed_over())
    assert office.browser().get(path).status_code == 200
    assert office.browser("viewer").get(path).status_code == 403
    assert office.stranger().get(path).status_code == 303


@pytest.mark.parametrize("page", [page for page in PAGES if "{}" in page])
@pytest.mark.parametrize("id", ["ses_" + "0" * 26, "con_" + "0" * 26, "1", "%00", "ses_'--"])
def test_what_is_not_there_is_not_found(office: PeopleHouse, page: str, id: str) -> None:
    assert office.browser().get(page.format(id)).status_code == 404
    assert office.browser().get(f"{PART}/queue?open={id}x").status_code == 404


def test_no_name_or_word_is_run(office: PeopleHouse) -> None:
    session = office.handed_over(EVIL, name=f'"><img src=x>{EVIL}', reason=EVIL)
    office.post(f"/sessions/{session}/notes", {"text": EVIL})
    ann = office.browser()
    for path in (f"/human-agents/{session}", f"/human-agents?name={EVIL}&show={EVIL}"):
        html = ann.html(path)
        assert "<script>alert" not in html
        assert "<img src=x" not in html
    assert EVIL in words(ann.html(f"/human-agents/{session}"))


# -- words -----------------------------------------------------------------------------------------

AT = datetime(2026, 11, 22, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "overdue", "expected"),
    [(0, False, "calm"), (59, False, "calm"), (60, False, "soon"), (99, False, "soon"),
     (100, False, "late"), (5, True, "late")],
)  # fmt: skip
def test_a_wait_has_the_colour_of_its_deadline(seconds: int, overdue: bool, expected: str) -> None:
    due = AT + timedelta(seconds=100)
    assert tone(AT + timedelta(seconds=seconds), AT, due, overdue=overdue) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-3, "0:00"), (5, "0:05"), (125, "2:05"), (3_725, "1:02:05"), (90_000, "1 d 1 h")],
)
def test_waiting_times_are_told_shortly(seconds: int, expected: str) -> None:
    assert passed(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({}, "/console/human-agents"),
        ({"show": "mine"}, "/console/human-agents?show=mine"),
        ({"name": " a&b ", "group": "agent"}, "/console/human-agents?name=a%26b&group=agent"),
        ({"show": "<x>", "group": "y"}, "/console/human-agents"),
    ],
)
def test_an_address_says_what_is_shown_and_nothing_else(query: Any, path: str) -> None:
    assert View.of(query).path() == path
