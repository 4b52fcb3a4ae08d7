"""The Sessions page: what it lists, what of one session it shows, and to whom."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from gateway.events import Actor, ContactSeen
from gateway.store.models import ChatSession, Message
from tests.api.house import CHANNEL
from tests.console.house import ConsoleHouse

BOB = Actor(kind="operator", id="500", name="Bob Builder")
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{1234567*7}}"


def rows(html: str) -> list[str]:
    """The ids of the sessions that are listed, in their order."""
    return re.findall(r'<tr id="row-(ses_[0-9a-z]+)"', html)


def row(html: str, session: str) -> str:
    """What stands in a row, without its markup (labels and titles in brackets)."""
    found = re.search(rf'<tr id="row-{session}".*?</tr>', html, re.DOTALL)
    assert found
    titled = re.sub(r'<[^>]*?aria-label="([^"]*)"[^>]*>', r"[\1]", found[0])
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", titled)).split())


def test_the_columns_are_named_to_the_letter(house: ConsoleHouse) -> None:
    house.session()
    html = house.browser("viewer").html("/sessions")
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', html)
    assert heads == [
        "Agent", "Channel", "Responsible", "User", "Started", "Last message", "Messages", "Status",
    ]  # fmt: skip


def test_a_row_says_who_is_in_charge(house: ConsoleHouse) -> None:
    house.staff("operator", "500", "Bob Builder")
    by_ai = house.session("1001")
    by_bob = house.session("1002")
    house.happen("1002", house.assigned("1002", "operator", "500"))
    nobody = house.session("1003")
    house.post(f"/sessions/{nobody}/handover")
    over = house.session("1004")
    house.happen("1004", house.closed("1004"))
    html = house.browser("viewer").html("/sessions")
    assert rows(html) == [over, nobody, by_bob, by_ai]
    assert row(html, by_ai).startswith(f"[Active] support [{CHANNEL}] AI Carol")
    assert f"[{CHANNEL}] [Bob Builder] BB Carol" in row(html, by_bob)
    assert f"[{CHANNEL}] Unassigned Carol" in row(html, nobody)
    assert row(html, over).startswith(f"support [{CHANNEL}]")  # no dot pulses
    status = [row(html, one).split()[-1] for one in (by_ai, by_bob, nobody, over)]
    assert status == ["Active", "Active", "Waiting", "Finished"]


def test_filters_stand_in_the_address(house: ConsoleHouse) -> None:
    one = house.session("1001", "where is my order")
    two = house.session("1002", "a refund please")
    house.happen("1002", house.closed("1002"))
    page = house.browser("viewer")
    found = {
        query: rows(page.html(f"/sessions?{query}"))
        for query in (
            "status=active", "status=finished", "mode=ai", "mode=human", f"channel={CHANNEL}",
            "agent=support", "agent=late", "responsible=ai", "responsible=unassigned", "q=refu",
            "from=2026-11-22&to=2026-11-22", "to=2026-11-21", "from=2026-11-23",
        )
    }  # fmt: skip
    everything = [two, one]
    assert found == {
        "status=active": [one], "status=finished": [two], "mode=ai": everything, "mode=human": [],
        f"channel={CHANNEL}": everything, "agent=support": everything, "agent=late": [],
        "responsible=ai": everything, "responsible=unassigned": [], "q=refu": [two],
        "from=2026-11-22&to=2026-11-22": everything, "to=2026-11-21": [], "from=2026-11-23": [],
    }  # fmt: skip
    html = page.html("/sessions?status=finished&q=refu&from=2026-11-01")
    assert '<option value="finished" selected>Finished</option>' in html
    assert 'value="refu"' in html
    assert 'value="2026-11-01"' in html
    # A session that is opened from a filtered list knows the way back to it.
    assert f"/console/sessions/{two}?q=refu&amp;status=finished&amp;from=2026-11-01" in html
    assert 'href="/console/sessions"' in html  # clears them


def test_what_cannot_be_chosen_is_as_good_as_not_said(house: ConsoleHouse) -> None:
    session = house.session()
    page = house.browser("viewer")
    for query in (
        "status=nonsense", "mode=%00", "channel=another", "agent=%EF%BF%BE", "from=yesterday",
        "to=9999-12-31", "from=0001-01-01", "q=%00", "responsible=%00", "from=2026-13-01",
        "status=active&status=finished", "limit=100000", "open=javascript:alert(1)",
    ):  # fmt: skip
        assert rows(page.html(f"/sessions?{query}")) == [session], query


def test_a_foreign_cursor_is_refused(house: ConsoleHouse) -> None:
    for name in ("cursor", "start"):
        page = house.browser("viewer").get(f"/sessions?{name}=nonsense")
        assert page.status_code == 400


def test_pages_follow_one_another_and_stand_still(house: ConsoleHouse) -> None:
    known = [house.session(str(number)) for number in range(1000, 1053)]
    page = house.browser("viewer")
    first = page.html("/sessions")
    assert rows(first) == known[:2:-1]
    older = re.search(r'href="(/console/sessions\?cursor=[^"]+)" rel="next"', first)
    assert older
    assert rows(page.html(older[1].removeprefix("/console"))) == known[2::-1]
    # What comes meanwhile moves nothing: it is counted.
    live = re.search(r'hx-get="(/console/sessions/table\?start=[^"]+)"', first)
    assert live
    part = unescape(live[1]).removeprefix("/console")
    newest = house.session("2000")
    assert rows(page.part(part).text) == known[:2:-1]
    newer = page.part(part.replace("/table", "/newer")).text
    assert "1 new session" in newer
    assert rows(page.html("/sessions"))[0] == newest


def test_single_rows_are_read_again_as_they_are_now(house: ConsoleHouse) -> None:
    one, two = house.session("1001"), house.session("1002")
    house.happen("1001", house.closed("1001"))
    html = house.browser("viewer").part(f"/sessions/rows?status=active&id={one}&id={two}").text
    assert sorted(rows(html)) == sorted([one, two])
    assert row(html, one).endswith("Finished")


def test_the_chat_is_there_with_its_count(house: ConsoleHouse) -> None:
    session = house.session(text="Where is my order?")
    house.happen("1001", house.said("1001", "It is on its way.", by=BOB))
    html = house.browser("viewer").html(f"/sessions/{session}")
    assert "Where is my order?" in html
    assert "It is on its way." in html
    assert re.search(r"data-message-count>2 messages<", html)
    assert row(html, session)
    assert f'data-open-session="{session}"' in html
    for role in ("viewer", "operator", "admin"):
        assert house.browser(role).get(f"/sessions/{session}").status_code == 200


@pytest.mark.parametrize(
    ("role", "state", "reason"),
    [
        ("viewer", "ai", "You do not have permission to hand over sessions"),
        ("operator", "human", "Session is already handled by an operator"),
        ("operator", "copilot", "Session is already handled by an operator"),
        ("admin", "finished", "Session is already finished"),
        ("operator", "ai", None),
    ],
)
def test_the_button_says_why_it_is_none(
    house: ConsoleHouse, role: str, state: str, reason: str | None
) -> None:
    session = house.session()
    if state in ("human", "copilot"):
        house.post(f"/sessions/{session}/handover")
    if state == "copilot":
        house.post(f"/sessions/{session}/copilot", {"on": True})
    if state == "finished":
        house.happen("1001", house.closed("1001"))
    browser = house.browser(role)
    html = browser.html(f"/sessions/{session}")
    button = re.search(
        r"<button[^>]*>(?:<svg.*?</svg>)?Hand over to the operator</button>", html, re.DOTALL
    )
    assert button
    if reason is None:
        assert 'data-open-dialog="hand-over"' in button[0]
    else:
        assert 'aria-disabled="true"' in button[0]
        assert f'title="{reason}"' in button[0]
        described = re.search(r'aria-describedby="([^"]+)"', button[0])
        assert described
        assert f'id="{described[1]}">{reason}</span>' in html
    # The button comes back by itself once the AI is in charge: what it opens is there already.
    may_act = role != "viewer"
    assert (f'data-act="POST /sessions/{session}/handover"' in html) is may_act
    assert ('id="hand-over"' in html) is may_act
    # The API says the same, whatever the page shows.
    answer = browser.api("POST", f"/sessions/{session}/handover", {})
    if reason is None:
        assert answer.json
        assert answer.json["message"] == "Session set to operator"
    else:
        assert answer.json
        assert answer.json["error"]["message"] == reason


def test_a_handover_names_reason_and_target(house: ConsoleHouse) -> None:
    session = house.session()
    html = house.browser("admin").html(f"/sessions/{session}")
    assert f'<option value="{house.ids["operator"]}">Operator Ann</option>' in html
    assert f'<option value="{house.ids["viewer"]}"' not in html  # who may not act is no target
    answer = house.browser("admin").api(
        "POST",
        f"/sessions/{session}/handover",
        {"reason": "is upset", "operator_id": house.ids["operator"]},
    )
    assert answer.status_code == 200
    html = house.browser("viewer").html(f"/sessions/{session}")
    assert "Transfer to human agent at 22 Nov 2026, 16:00" in html
    assert "is upset" in html
    assert "[Operator Ann]" in row(html, session)


def test_contact_info_opens_in_360(house: ConsoleHouse) -> None:
    session = house.session()
    contact = house.get(f"/sessions/{session}").json["contact"]["id"]
    html = house.browser("viewer").html(f"/sessions/{session}")
    assert "Contact info" in html
    assert "Parameters &amp; results" in html
    link = re.search(r'<a [^>]*href="([^"]+)"[^>]*>(?:<svg.*?</svg>)?Open in 360</a>', html)
    assert link
    assert link[1] == f"/console/customers/{contact}"
    assert 'target="_blank" rel="noopener"' in link[0]
    assert "No contact info found" not in html


def test_without_a_contact_there_is_nothing_to_open(house: ConsoleHouse) -> None:
    house.happen(
        "1001", house.assigned("1001", "ai", "814860"), house.said("1001", "Hello?"),
        contact=ContactSeen(id="c9"),
    )  # fmt: skip
    session = house.get("/sessions").json["items"][0]
    assert session["contact"] is None
    html = house.browser("viewer").html(f"/sessions/{session['id']}")
    assert "No contact info found" in html
    assert "Open in 360" not in html


def test_parameters_and_results_are_shown(house: ConsoleHouse) -> None:
    session = house.session()

    def learn(db: Any) -> None:
        found = db.session.get(ChatSession, session)
        found.parameters = {"order": "1042", "tags": ["a", "b"]}
        found.results = {"topic": "refund", "sure": 0.9}
        db.flush()

    house.database.write(learn)
    html = house.browser("viewer").html(f"/sessions/{session}")
    for name, value in (("order", "1042"), ("topic", "refund"), ("sure", "0.9")):
        assert f'<dt dir="auto">{name}</dt><dd dir="auto">{value}</dd>' in html
    assert unescape(html).count('["a", "b"]') == 1


def test_why_the_ai_kept_silent(house: ConsoleHouse) -> None:
    session = house.session()
    house.post(f"/sessions/{session}/handover")
    house.happen("1001", house.said("1001", "Anybody?"))
    why = house.browser("viewer").part(f"/sessions/{session}/why").text
    assert "A person led the session when the customer wrote." in why
    assert why.index("A person led") < why.index("People took over before")  # the newest first


# -- files ---------------------------------------------------------------------------------------


def test_the_list_as_csv(house: ConsoleHouse) -> None:
    house.happen(
        "1001", house.assigned("1001", "ai", "814860"), house.said("1001", "Hi"),
        contact=ContactSeen(id="c7", name="=HYPERLINK(\"http://evil\")", email="+1@example.test"),
    )  # fmt: skip
    session = house.session("1002")
    answer = house.browser("viewer").get("/sessions/export.csv?status=active")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sessions.csv"'
    assert answer.is_streamed
    assert answer.content_type == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert next(one["id"] for one in table) == session
    assert table[1]["user"] == '\'=HYPERLINK("http://evil")'
    assert table[1]["email"] == "'+1@example.test"
    assert (table[0]["responsible"], table[0]["messages"], table[0]["status"]) == (
        "AI", "1", "active",
    )  # fmt: skip
    none = house.browser("viewer").get("/sessions/export.csv?status=finished").data
    assert len(none.decode().splitlines()) == 1


def test_the_list_as_json_is_that_of_the_api(house: ConsoleHouse) -> None:
    for number in range(3):
        house.session(str(1000 + number))
    answer = house.browser("viewer").get("/sessions/export.json")
    listed = house.get("/sessions").json["items"]
    for session in listed:
        session.pop("handover")
    assert json.loads(answer.data)["items"] == listed
    assert answer.data.decode().count('\n{"id":"ses_') == 3  # by which progress is told
    assert house.browser("viewer").get("/sessions/export.xlsx").status_code == 404


# -- those who should not ------------------------------------------------------------------------

PAGES = [
    "/sessions", "/sessions/table", "/sessions/newer", "/sessions/rows?id={}", "/sessions/{}",
    "/sessions/{}/head", "/sessions/{}/foot", "/sessions/{}/facts", "/sessions/{}/why",
    "/sessions/export.csv", "/sessions/export.json",
]  # fmt: skip


def test_a_stranger_sees_none_of_it(house: ConsoleHouse) -> None:
    session = house.session(text="a secret of theirs")
    for page in PAGES:
        answer = house.stranger().get(page.format(session))
        assert answer.status_code == 303, page
        assert answer.headers["Location"].startswith("/console/login?next=")
        assert "secret" not in answer.text


def test_ids_that_name_no_session_find_nothing(house: ConsoleHouse) -> None:
    nowhere = "ses_00000000000000000000000000"
    for page in (one for one in PAGES if "{}" in one):
        for id in (
            nowhere, "ses_0", "con_00000000000000000000000000", "1%27%20OR%201=1",
            "..%2f..%2fetc", "%00",
        ):  # fmt: skip
            answer = house.browser("viewer").get(page.format(id))
            if page.startswith("/sessions/rows") and id == nowhere:
                assert rows(answer.text) == []
            else:
                assert answer.status_code == 404, (page, id)


def test_nothing_that_others_wrote_becomes_markup(house: ConsoleHouse) -> None:
    """Every field that is shown, of a customer, of staff and of the AI agent."""
    house.staff("operator", "500", EVIL)
    session = house.session("1001", EVIL)
    house.happen(
        "1001",
        house.said("1001", EVIL, by=Actor(kind="operator", id="77", name=EVIL)),
        house.noted("1001", EVIL, by=BOB),
        house.assigned("1001", "operator", "500"),
        contact=ContactSeen(id="c1", name=EVIL, email="a@example.test"),
    )

    def poison(db: Any) -> None:
        found = db.session.get(ChatSession, session)
        found.parameters = {EVIL: EVIL, "list": [EVIL], "deep": {EVIL: EVIL}}
        found.results = {EVIL: {"a": EVIL}}
        found.agent = EVIL
        for message in db.session.query(Message).filter(Message.session_id == session):
            message.why = EVIL
            message.attachments = [
                {"url": "javascript:alert(3)", "name": EVIL, "content_type": EVIL, "size": 1}
            ]
        db.flush()

    house.database.write(poison)
    page = house.browser("admin")
    query = f"?q={quote(EVIL)}&responsible={quote(EVIL)}&open={quote(EVIL)}"
    pages = [
        page.html("/sessions"), page.html(f"/sessions/{session}"),
        page.html(f"/sessions{query}"), page.html(f"/sessions/{session}{query}"),
        *(
            page.part(f"/sessions/{session}/{part}").text
            for part in ("head", "foot", "facts", "why")
        ),
        page.part(f"/sessions/table{query}").text, page.part(f"/sessions/newer{query}").text,
        page.part(f"/sessions/rows{query}&id={session}").text,
    ]  # fmt: skip
    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "javascript:" not in html
        assert "8641969" not in html
    assert sum("&lt;script&gt;alert(1)" in html for html in pages) >= 8
