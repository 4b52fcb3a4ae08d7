"""What Intercom posts, through the receiver to the API: kept, shown, applied again."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.api.schemas.deliveries import DeliverySchema
from gateway.store.models import InboxDelivery
from tests.api.house import CHANNEL, SECRET, House

PAYLOADS = Path(__file__).parents[1] / "channels" / "intercom" / "payloads"


def post(house: House, body: bytes, secret: str = SECRET) -> Any:
    signature = "sha1=" + hmac.digest(secret.encode(), body, hashlib.sha1).hex()
    return house.client().post(
        f"/webhooks/{CHANNEL}", data=body, headers={"X-Hub-Signature": signature}
    )


def payload(topic: str, variant: str = "2.14") -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PAYLOADS / variant / f"{topic}.json").read_bytes())
    return read


def unreadable(delivery: str = "notif_1") -> bytes:
    """Authentic, and not to be understood: a conversation without its parts' authors."""
    content = payload("conversation.user.replied")
    content["id"] = delivery
    content["data"]["item"]["conversation_parts"] = "nonsense"
    return json.dumps(content).encode()


def test_a_recorded_notification_becomes_a_session(house: House) -> None:
    body = json.dumps(payload("conversation.user.created")).encode()
    answer = post(house, body)
    assert (answer.status_code, answer.json) == (200, {"status": "kept"})
    items = house.get("/sessions").json["items"]
    assert len(items) == 1
    assert items[0]["channel"] == CHANNEL
    delivery = house.get("/deliveries").json["items"][0]
    assert delivery["topic"] == "conversation.user.created"
    assert delivery["state"] == "applied"
    assert DeliverySchema().validate(delivery) == {}
    assert post(house, body).status_code == 200
    assert len(house.get("/deliveries").json["items"]) == 1


@pytest.mark.parametrize("secret", ["", "another"])
def test_forgeries_change_nothing(house: House, secret: str) -> None:
    body = json.dumps(payload("conversation.user.created")).encode()
    answer = post(house, body, secret)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "not_authentic")
    assert house.get("/deliveries").json["items"] == []


def test_failed_deliveries_are_shown_and_replayed(house: House) -> None:
    assert post(house, unreadable()).status_code == 200
    house.clock.advance(1)
    post(house, json.dumps(payload("ping")).encode())
    shown = house.get("/deliveries?state=failed").json["items"]
    assert len(shown) == 1
    failed = shown[0]
    assert failed["error"]
    assert failed["attempts"] == 1

    again = house.post(f"/deliveries/{failed['id']}/replay", role="admin")
    assert again.status_code == 200
    assert (again.json["state"], again.json["attempts"]) == ("failed", 2)

    # Whoever mends it (a newer version, say) makes the replay work.
    mended = json.dumps(payload("conversation.user.replied")).encode()
    house.database.write(
        lambda db: db.execute(
            update(InboxDelivery).where(InboxDelivery.id == failed["id"]).values(body=mended)
        )
    )
    done = house.post(f"/deliveries/{failed['id']}/replay", role="admin", key="k1")
    assert (done.status_code, done.json["state"], done.json["error"]) == (200, "applied", None)
    repeated = house.post(f"/deliveries/{failed['id']}/replay", role="admin", key="k1")
    assert repeated.data == done.data
    refused = house.post(f"/deliveries/{failed['id']}/replay", role="admin")
    assert refused.status_code == 409
    assert len(house.get("/sessions").json["items"]) == 1


def test_who_may_look_and_who_may_replay(house: House) -> None:
    post(house, unreadable())
    assert house.get("/deliveries", role="viewer").status_code == 403
    delivery = house.get("/deliveries?state=failed").json["items"][0]["id"]
    assert house.post(f"/deliveries/{delivery}/replay").status_code == 403
    assert house.post(f"/deliveries/dlv_{'0' * 26}/replay", role="admin").status_code == 404


def test_deliveries_come_newest_first_in_pages(house: House) -> None:
    for number in range(5):
        post(house, unreadable(f"notif_{number}"))
    every = [item["id"] for item in house.get("/deliveries").json["items"]]
    assert len(every) == 5
    assert every == sorted(every, reverse=True)
    first = house.get("/deliveries?limit=2").json
    second = house.get(f"/deliveries?limit=3&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + second["items"]] == every
    assert second["next_cursor"] is None
    assert house.get("/deliveries?state=odd").status_code == 422
