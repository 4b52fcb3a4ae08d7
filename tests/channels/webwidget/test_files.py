"""Files of visitors: put, said once, seen by whoever may, and gone when their words go."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.conversations import doors, forgetting
from gateway.conversations.doors import Caller
from gateway.conversations.thread import lock_conversation
from gateway.events import Turn
from gateway.people import operators
from gateway.store.models import ChatSession, FileRow, Message
from tests.channels.webwidget.site import ACME, OTHER, Browser, Site
from tests.files.samples import CONTENT_TYPE, EVERY, body, gif, png

PHOTO = png(30, 20)


def put(browser: Browser, content: bytes = PHOTO, name: str = "photo.png", **more: Any) -> Any:
    """Put a file; the answer."""
    return browser.call(
        "POST", "/files", data=body(content, name), headers={"Content-Type": CONTENT_TYPE}, **more
    )


def id_of(answer: Any) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


@pytest.fixture
def vera(site: Site) -> Browser:
    browser = site.browser()
    browser.open()
    return browser


@pytest.fixture
def any_vera(any_site: Site) -> Browser:
    browser = any_site.browser()
    browser.open()
    return browser


def operator(site: Site) -> Caller:
    added = site.parts.database.write(
        lambda db: operators.add(
            db, email="ann@acme.test", name="Ann", role="operator", now=site.now
        )
    )
    return Caller(id=added.id, name="Ann", role="operator")


def session_of(site: Site) -> str:
    with site.parts.database.read() as db:
        return str(db.scalars(select(ChatSession.id)).one())


def test_a_file_is_put_said_and_seen(any_site: Site, any_vera: Browser) -> None:
    answer = put(any_vera, name="my photo.PNG")
    file = answer.json
    id = id_of(answer)
    assert file == {
        "id": id, "name": "my photo.PNG", "content_type": "image/png", "size": len(PHOTO),
        "url": f"{any_site.settings.public_url}/widget/v1/files/{id}", "width": 30, "height": 20,
    }  # fmt: skip
    said = any_vera.say("look", files=[id])
    assert said["message"]["attachments"] == [file]
    (line,) = any_vera.call("GET", "/messages").json["messages"]
    assert line["attachments"] == [file]
    got = any_vera.call("GET", f"/files/{id}")
    assert (got.status_code, got.data) == (200, PHOTO)
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert headers["content-disposition"] == 'attachment; filename="my photo.PNG"'
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-store"
    assert headers["access-control-allow-origin"] == any_vera.origin


def test_a_message_may_be_files_alone(site: Site, vera: Browser) -> None:
    ids = [id_of(put(vera, EVERY[ending], f"x{ending}")) for ending in (".pdf", ".txt", ".mp4")]
    said = vera.say("", files=ids)["message"]
    assert [one["id"] for one in said["attachments"]] == ids
    assert (said["text"], said["content"]) == ("", [])
    assert "width" not in said["attachments"][0]


def test_what_is_taken_is_told(vera: Browser) -> None:
    told = vera.open()["config"]["files"]
    assert told["max_bytes"] == 10 * 1024 * 1024
    assert told["most"] == 5
    assert {".png", ".jpg", ".jpeg", ".pdf", ".docx"} <= set(told["types"])
    assert not {".svg", ".html", ".exe"} & set(told["types"])


def test_the_same_message_again_changes_nothing(any_site: Site, any_vera: Browser) -> None:
    id, other = id_of(put(any_vera)), id_of(put(any_vera, gif(), "x.gif"))
    first = any_vera.say("look", client_id="one", files=[id])
    for files in ([id], [id, other], []):
        again = any_vera.say("look", client_id="one", files=files)
        assert again == {"message": first["message"], "again": True}
    assert any_vera.say("and this", files=[other])["again"] is False


def test_a_file_is_said_once(site: Site, vera: Browser) -> None:
    id = id_of(put(vera))
    vera.say("look", files=[id])
    for files in ([id], [id, id], [f"fil_{'0' * 26}"], ["x"], ["fil_x' OR 1=1"]):
        refused = vera.say("again", files=files, status=422)
        assert "files" in refused["error"]["details"]["fields"]
    assert len(vera.call("GET", "/messages").json["messages"]) == 1


def test_at_most_five(site: Site, vera: Browser) -> None:
    ids = [id_of(put(vera)) for _ in range(6)]
    vera.say("six", files=ids, status=422)
    assert len(vera.say("five", files=ids[:5])["message"]["attachments"]) == 5


def test_a_message_that_lost_a_race_keeps_its_words(any_site: Site, any_vera: Browser) -> None:
    """Between the door's look and the record another message took the file."""
    id = id_of(put(any_vera))
    backend = any_site.parts.visitors
    seen = backend.attachments

    def late(visitor: Any, file_ids: Any, external_id: str) -> Any:
        found = seen(visitor, file_ids, external_id)
        backend.attachments = seen  # type: ignore[method-assign]
        any_vera.say("first", files=[id])
        return found

    backend.attachments = late  # type: ignore[method-assign]
    second = any_vera.say("second", files=[id])["message"]
    assert (second["text"], second["attachments"]) == ("second", [])
    lines = any_vera.call("GET", "/messages").json["messages"]
    assert [len(line["attachments"]) for line in lines] == [1, 0]


HOSTILE = {
    "a program as a picture": (body(b"MZ" + bytes(99), "photo.png"), 415, "type_not_allowed"),
    "svg": (body(b"<svg onload=alert(1)>", "x.svg"), 415, "type_not_allowed"),
    "html as text": (body(b"<html><script>", "x.txt"), 415, "type_not_allowed"),
    "nothing": (body(b""), 400, "unreadable"),
    "another field": (body(PHOTO, field="picture"), 400, "unreadable"),
    "no form": (b"x" * 100, 400, "unreadable"),
    "cut": (body(PHOTO)[:-20], 400, "unreadable"),
    "too large": (body(PHOTO + bytes(10 * 1024 * 1024)), 413, "too_large"),
    "far too large": (bytes(12 * 1024 * 1024), 413, "too_large"),
}


@pytest.mark.parametrize(("sent", "status", "code"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused(site: Site, sent: bytes, status: int, code: str) -> None:
    browser = site.browser()
    browser.open()
    answer = browser.call("POST", "/files", data=sent, headers={"Content-Type": CONTENT_TYPE})
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    with site.parts.database.read() as db:
        assert list(db.scalars(select(FileRow.id))) == []


@pytest.mark.parametrize(
    "content", [gif() + b"<script>alert(1)</script>", b"%PDF-1.4\n<html><script>"]
)
def test_what_is_two_things_is_never_run(site: Site, content: bytes) -> None:
    browser = site.browser()
    browser.open()
    id = id_of(put(browser, content, "both.html"))
    got = browser.call("GET", f"/files/{id}")
    assert got.content_type in ("image/gif", "application/pdf")
    assert got.headers["Content-Disposition"].startswith('attachment; filename="both.html.')
    assert got.headers["X-Content-Type-Options"] == "nosniff"


def test_other_doors_take_no_more_than_before(site: Site) -> None:
    browser = site.browser()
    browser.open()
    assert browser.call("POST", "/messages", {"text": "x" * 100_000}).status_code == 413


def test_so_much_a_day(site: Site) -> None:
    browser = site.browser()
    browser.open()
    site.clock.advance(1)
    for _ in range(50):
        site.clock.advance(1)
        id_of(put(browser))
    refused = put(browser)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 80_000


def test_anothers_file_gives_nothing(site: Site, vera: Browser) -> None:
    unsent, sent = id_of(put(vera)), id_of(put(vera))
    vera.say("look", files=[sent])
    walt = site.browser()
    walt.open()
    walt.say("hello")
    known = site.browser()
    known.open(jwt=site.jwt("walt"))
    other = site.browser(OTHER)
    other.open()
    for browser in (walt, known, other):
        for id in (unsent, sent):
            assert browser.call("GET", f"/files/{id}").status_code == 404
            browser.say("mine", files=[id], status=422)
    nobody = site.browser()
    for id in (unsent, sent):
        assert nobody.call("GET", f"/files/{id}").status_code == 401
        assert vera.call("GET", f"/files/{id}").status_code == 200


def test_a_known_visitor_reads_their_files_on_another_device(site: Site) -> None:
    phone, laptop = site.browser(), site.browser()
    phone.open(jwt=site.jwt("vera"))
    unsent, sent = id_of(put(phone)), id_of(put(phone))
    phone.say("look", files=[sent])
    laptop.open(jwt=site.jwt("vera"))
    assert laptop.call("GET", f"/files/{sent}").data == PHOTO
    elsewhere = site.browser(OTHER)
    elsewhere.open(jwt=site.jwt("vera", OTHER))
    assert elsewhere.call("GET", f"/files/{sent}").status_code == 404
    phone.call("POST", "/logout")
    assert phone.call("GET", f"/files/{unsent}").status_code == 401


def test_an_operator_sends_files_and_the_visitor_reads_them(
    any_site: Site, any_vera: Browser
) -> None:
    any_vera.say("hello")
    ann, session = operator(any_site), session_of(any_site)
    client = any_site.app.test_client()
    token = any_site.parts.database.write(lambda db: operators.new_token(db, ann.id, any_site.now))
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.post(
        "/api/v1/files", data=body(EVERY[".pdf"], "label.pdf"), content_type=CONTENT_TYPE,
        headers=headers,
    )  # fmt: skip
    id = id_of(answer)
    path = f"/api/v1/sessions/{session}/messages"
    assert any_vera.call("GET", f"/files/{id}").status_code == 404
    written = client.post(path, json={"text": "", "files": [id]}, headers=headers)
    assert written.status_code == 201, written.text
    assert written.json["attachments"] == [answer.json]
    assert client.get(answer.json["url"], headers=headers).data == EVERY[".pdf"]
    last = any_vera.call("GET", "/messages").json["messages"][-1]
    assert [one["name"] for one in last["attachments"]] == ["label.pdf"]
    assert any_vera.call("GET", f"/files/{id}").data == EVERY[".pdf"]
    again = client.post(path, json={"text": "again", "files": [id]}, headers=headers)
    assert again.status_code == 422
    mine = id_of(put(any_vera))
    theirs = client.post(path, json={"text": "x", "files": [mine]}, headers=headers)
    assert theirs.status_code == 422
    any_vera.say("here", files=[mine])
    (seen,) = client.get(path, headers=headers).json["items"][-1]["attachments"]
    assert (seen["id"], seen["url"]) == (mine, f"/api/v1/files/{mine}")
    assert client.get(seen["url"], headers=headers).data == PHOTO


def test_the_ai_gets_a_link_and_nobody_else(site: Site, vera: Browser) -> None:
    asked: list[Turn] = []
    agent = site.parts.agents["support"].asks
    answering = agent.ask

    def ask(turn: Turn) -> Any:
        asked.append(turn)
        return answering(turn)

    agent.ask = ask  # type: ignore[method-assign]
    id = id_of(put(vera))
    vera.say("hello, look", files=[id])
    site.answer()
    (turn,) = asked
    (attachment,) = turn.messages[-1].attachments
    assert (attachment.name, attachment.content_type) == ("photo.png", "image/png")
    address = site.settings.public_url
    assert attachment.url.startswith(f"{address}/files/{id}.")
    got = site.app.test_client().get(attachment.url.removeprefix(address))
    assert (got.status_code, got.data) == (200, PHOTO)
    assert "/files/fil_" in str(vera.call("GET", "/messages").json)
    token = attachment.url.rpartition("/")[2]
    assert token not in vera.call("GET", "/messages").text
    assert vera.call("GET", f"/files/{token}").status_code == 404
    with site.parts.database.read() as db:
        assert token not in str(db.scalars(select(Message.attachments)).all())


def test_a_redacted_message_takes_its_files_along(any_site: Site, any_vera: Browser) -> None:
    id = id_of(put(any_vera))
    message = any_vera.say("look", files=[id])["message"]["id"]
    link = any_site.parts.files.link(id).removeprefix(any_site.settings.public_url)
    assert any_site.app.test_client().get(link).status_code == 200

    def redact(db: Any) -> None:
        row = db.execute(
            select(Message.conversation_id, Message.external_id).where(Message.id == message)
        ).one()
        held = lock_conversation(db, row.conversation_id)
        forgetting.redact(db, held, row.external_id, any_site.now)

    any_site.parts.database.write(redact)
    assert any_vera.call("GET", f"/files/{id}").status_code == 404
    assert any_site.app.test_client().get(link).status_code == 404
    assert any_vera.call("GET", "/messages").json["messages"][0]["attachments"] == []
    assert any_site.parts.files.sweep() == 1
    with any_site.parts.database.read() as db:
        row = db.execute(select(FileRow.state, FileRow.name, FileRow.sha256, FileRow.key)).one()
    assert tuple(row) == ("gone", "", None, None)


def test_words_among_people_are_no_visitors(site: Site, vera: Browser) -> None:
    """A file in a line that visitors do not see is not theirs either."""
    vera.say("hello")
    ann, session = operator(site), session_of(site)
    noted = site.parts.database.write(
        lambda db: doors.write_note(
            db, site.parts.terms[ACME], session, ann, text="hm", now=site.now
        )
    )
    id = id_of(put(vera))
    vera.say("look", files=[id])
    assert vera.call("GET", f"/files/{id}").status_code == 200
    site.parts.database.write(
        lambda db: db.execute(
            update(FileRow).where(FileRow.id == id).values(message_id=noted.message_id)
        )
    )
    assert vera.call("GET", f"/files/{id}").status_code == 404
