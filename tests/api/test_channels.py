"""The doors to channels and their health."""

import pytest

from gateway.api.schemas.channels import ChannelSchema, HealthSchema
from tests.api.house import CHANNEL, House
from tests.api.test_deliveries import payload, post, unreadable


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_role_may_look(house: House, role: str) -> None:
    listed = house.get("/channels", role=role)
    assert listed.status_code == 200
    assert listed.json == {
        "items": [
            {
                "name": CHANNEL,
                "kind": "intercom",
                "agent": "support",
                "healthy": True,
                "wrong": 0,
                "app": None,
                "title": "",
                "paused": None,
            }
        ],
        "next_cursor": None,
    }
    assert ChannelSchema().validate(listed.json["items"][0]) == {}
    assert house.get(f"/channels/{CHANNEL}/health", role=role).status_code == 200


def test_a_stranger_may_not(house: House) -> None:
    assert house.get("/channels", role=None).status_code == 401
    assert house.get(f"/channels/{CHANNEL}/health", role=None).status_code == 401


def test_no_such_channel(house: House) -> None:
    answer = house.get("/channels/another/health")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_a_channel_that_has_heard_nothing_is_healthy(house: House) -> None:
    health = house.get(f"/channels/{CHANNEL}/health").json
    assert HealthSchema().validate(health) == {}
    assert health["healthy"] is True
    assert all(finding["ok"] for finding in health["findings"])
    assert (health["last_notification_at"], health["expected_per_hour"]) == (None, None)
    assert (health["reconcile"], health["alerts"]) == (None, [])


def test_what_is_wrong_comes_first(house: House) -> None:
    import json

    post(house, json.dumps(payload("conversation.user.created")).encode())
    post(house, unreadable())
    assert house.answers.flush()
    health = house.get(f"/channels/{CHANNEL}/health").json
    assert HealthSchema().validate(health) == {}
    first, *others = health["findings"]
    assert (first["code"], first["ok"]) == ("failed_deliveries", False)
    assert first["since"] == "2026-11-22T16:00:00Z"
    assert all(finding["ok"] for finding in others)
    assert health["answers"]["in_time"] == 2
    assert house.get("/channels").json["items"][0]["wrong"] == 1
