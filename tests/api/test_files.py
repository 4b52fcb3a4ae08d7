"""Operators' files: uploaded, read, sent where the channel can carry them."""

from typing import Any

from sqlalchemy import select

from gateway.config.filetypes import KNOWN
from gateway.files import Owner, Upload
from gateway.store.models import FileRow
from tests.api.house import CHANNEL, House
from tests.api.test_audit import entries
from tests.files.samples import CONTENT_TYPE, body, png

PHOTO = png(30, 20)


def upload(
    house: House, content: bytes = PHOTO, name: str = "photo.png", role: str = "operator",
    **more: Any,
) -> Any:  # fmt: skip
    sent = body(content, name)
    return house.call("POST", "/files", role, data=sent, content_type=CONTENT_TYPE, **more)


def kept(house: House) -> list[str]:
    with house.database.read() as db:
        return [*db.scalars(select(FileRow.state))]


def test_an_operator_uploads_a_file_and_reads_it(house: House) -> None:
    answer = upload(house, name="C:\\tmp\\my photo.PNG")
    assert answer.status_code == 201, answer.text
    id = answer.json["id"]
    assert answer.json == {
        "id": id, "url": f"/api/v1/files/{id}", "name": "my photo.PNG",
        "content_type": "image/png", "size": len(PHOTO), "width": 30, "height": 20,
    }  # fmt: skip
    got = house.get(f"/files/{id}")
    assert got.data == PHOTO
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == str(len(PHOTO))
    assert headers["content-disposition"] == 'attachment; filename="my photo.PNG"'
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-store"
    head = house.call("HEAD", f"/files/{id}", "operator")
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(PHOTO))


def test_names_are_told_as_they_are_and_to_those_who_know_only_ascii(sqlite_house: House) -> None:
    id = upload(sqlite_house, name="Größe 5€.png").json["id"]
    told = sqlite_house.get(f"/files/{id}").headers["Content-Disposition"]
    assert told == (
        "attachment; filename=\"Gr__e 5_.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%205%E2%82%AC.png"
    )


def test_who_may_act_uploads_and_others_see_nothing_of_it(house: House) -> None:
    assert upload(house, role="viewer").status_code == 403
    id = upload(house).json["id"]
    assert house.get(f"/files/{id}", role=None).status_code == 401
    assert house.get(f"/files/{id}", role="viewer").status_code == 404
    assert house.get(f"/files/{id}", role="admin").status_code == 404
    vera = Owner(kind="visitor", id="vis_vera", channel="acme-web")
    theirs = house.parts.files.accept(vera, Upload(name="x.png", chunks=iter([PHOTO])))
    assert house.get(f"/files/{theirs.id}", role="admin").status_code == 404


def test_the_same_upload_again_is_the_same_file(house: House) -> None:
    first = upload(house, key="k1")
    again = upload(house, key="k1")
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert upload(house, png(1, 1), key="k1").status_code == 422
    assert kept(house) == ["uploaded"]
    (entry,) = entries(house, "action=upload_file&outcome=done")
    assert entry["object"] == {"kind": "file", "id": first.json["id"]}
    assert "photo" not in str(entry)


def test_what_is_refused_is_told(house: House) -> None:
    most = house.parts.files.settings.max_bytes
    session = house.session()
    for answer, status, code in (
        (upload(house, b"MZ" + bytes(99)), 415, "type_not_allowed"),
        (upload(house, b"<svg onload=alert(1)>", "x.svg"), 415, "type_not_allowed"),
        (upload(house, b""), 400, "unreadable"),
        (upload(house, PHOTO + bytes(most)), 413, "too_large"),
        (house.call("POST", "/files", "operator", data={"a": "b"}), 400, "unreadable"),
        (house.post("/files", {"file": "x"}), 400, "unreadable"),
        (house.get("/files/fil_x"), 404, "not_found"),
        (house.get(f"/files/{session}"), 404, "not_found"),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert kept(house) == []
    refused = upload(house, b"MZ").json["error"]["details"]["types"]
    assert set(refused) <= set(KNOWN)


def test_bodies_at_other_doors_stay_small(sqlite_house: House) -> None:
    session = sqlite_house.session()
    path = f"/sessions/{session}/notes"
    assert sqlite_house.post(path, {"text": "x" * 2_000_000}).status_code == 413


def test_a_channel_that_cannot_carry_files_says_so(house: House) -> None:
    session = house.session()
    id = upload(house).json["id"]
    before = house.get(f"/sessions/{session}/messages").json
    refused = house.post(f"/sessions/{session}/messages", {"text": "Here", "files": [id]})
    assert refused.status_code == 409
    assert refused.json["error"]["message"].startswith(f"{CHANNEL} cannot carry files")
    assert house.get(f"/sessions/{session}/messages").json == before
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"
    assert kept(house) == ["uploaded"]


def test_a_message_says_something(sqlite_house: House) -> None:
    session = sqlite_house.session()
    for said in ({}, {"text": " "}, {"text": "", "files": []}, {"text": "x", "files": ["x"]}):
        answer = sqlite_house.post(f"/sessions/{session}/messages", said)
        assert answer.status_code == 422, said


def test_a_link_opens_one_file_for_a_day(house: House) -> None:
    id = upload(house).json["id"]
    path = house.parts.files.link(id).removeprefix("https://gateway.acme.test")
    got = house.client().get(path)
    assert (got.status_code, got.data) == (200, PHOTO)
    assert got.headers["Content-Disposition"].startswith("attachment; ")
    assert got.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    for other in (path + "x", path[:-1], path.replace("fil_", "fil-"), "/files/", "/files/x"):
        assert house.client().get(other).status_code == 404, other
    assert house.get(path.replace("/files/", "/files/")).status_code == 404  # no door of the API
    house.clock.advance(86_400)
    old = house.client().get(path)
    assert (old.status_code, old.json["error"]["code"]) == (404, "not_found")
