"""What a page says while its reader looks at a session: read, and typing."""

from gateway.feed import Hint
from tests.api.house import House


def test_a_read_is_told_once_and_never_goes_back(house: House) -> None:
    session = house.session("1001")
    house.happen("1001", house.said("1001", "Anybody?"))
    first, second = house.get(f"/sessions/{session}/messages").json["items"]
    read = f"/sessions/{session}/read"
    assert house.post(read, {"message_id": first["id"]}).json == {"moved": True}
    assert house.post(read).json == {"moved": True}, "all of it"
    assert house.post(read, {"message_id": first["id"]}).json == {"moved": False}
    assert house.post(read, {"message_id": second["id"]}).json == {"moved": False}
    other = house.session("1002")
    assert house.post(f"/sessions/{other}/read", {"message_id": first["id"]}).status_code == 404
    assert house.post("/sessions/ses_0000000000000000000000000z/read").status_code == 404
    assert house.post(read, {"message_id": "1001"}).status_code == 422
    assert house.post(read, role="viewer").status_code == 403
    assert house.get(f"/sessions/{session}").json["customer_read"] is None


def test_typing_is_a_hint(house: House) -> None:
    heard: list[Hint] = []
    house.parts.hints.listen(heard.append)
    session = house.session("1001")
    typing = f"/sessions/{session}/typing"
    assert house.post(typing, {"on": True}).json == {"shown": True}
    assert house.post(typing, {"on": False}).json == {"shown": True}
    assert [(hint.by, hint.id, hint.on) for hint in heard] == [
        ("operator", house.ids["operator"], True), ("operator", house.ids["operator"], False),
    ]  # fmt: skip
    assert house.post(typing).status_code == 422
    assert house.post(typing, {"on": True}, role="viewer").status_code == 403
    unknown = house.post("/sessions/ses_0000000000000000000000000z/typing", {"on": True})
    assert unknown.status_code == 404
    house.happen("1001", house.closed("1001"))
    assert house.post(typing, {"on": True}).json == {"shown": False}
