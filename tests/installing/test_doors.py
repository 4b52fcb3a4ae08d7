"""The way in, the doors for uninstall and health, and who may use what."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
import requests

from gateway.api.schemas.installations import InstallationSchema
from gateway.channels.intercom.oauth import IntercomConsent
from gateway.config import IntercomAppSettings
from intercom_standin.cast import MAREK_ID
from tests.console.house import words
from tests.installing.town import APP, EAST, Town
from tests.rig import BOT

CHANNEL = f"{APP}.{EAST}"


def nothing_installed(it: Town) -> bool:
    return it.api("GET", "/channels").json()["items"] == []


def test_a_state_is_good_once_for_who_began_and_for_ten_minutes(it: Town) -> None:
    state = it.begin()["state"]
    other = requests.Session()
    it.sign_in(other)
    for browser, given in ((other, state), (it.browser, "x" * 43)):
        answer = it.come_back(given, it.public.allow(EAST), browser)
        assert (answer.status_code, "Begin again" in answer.text) == (403, True)
    late = it.begin()["state"]
    it.clock.advance(601)
    assert it.come_back(late, it.public.allow(EAST)).status_code == 403
    state = it.begin()["state"]
    assert it.come_back("", it.public.allow(EAST)).status_code == 400
    assert nothing_installed(it)
    assert it.come_back(state, it.public.allow(EAST)).status_code == 200
    assert it.come_back(state, it.public.allow(EAST)).status_code == 403
    assert [one["name"] for one in it.api("GET", "/channels").json()["items"]] == [CHANNEL]


@pytest.mark.parametrize("code", ["never given", "cut"])
def test_what_intercom_refuses_is_said_in_its_words(it: Town, code: str) -> None:
    given = it.public.allow(EAST)
    answer = it.come_back(it.begin()["state"], given.rstrip("=") if code == "cut" else code)
    assert answer.status_code == 400
    assert "401 to the code of the installation: Unauthorized Code" in words(answer.text)
    assert nothing_installed(it)


def test_an_admin_who_does_not_allow_it(it: Town) -> None:
    back = {"state": it.begin()["state"], "error": "access_denied"}
    answer = it.browser.get(f"{it.url}/channels/{APP}/callback", params=back, timeout=10)
    assert answer.status_code == 400
    assert "The app was not allowed in." in words(answer.text)
    back["error_description"] = "<script>alert(1)</script>"
    answer = it.browser.get(f"{it.url}/channels/{APP}/callback", params=back, timeout=10)
    assert "<script>alert" not in answer.text


def test_intercom_does_not_answer(it: Town) -> None:
    state, code = it.begin()["state"], it.public.allow(EAST)
    it.workspaces[EAST].faults.add("unavailable", where="me")
    answer = it.come_back(state, code)
    assert (answer.status_code, "Not connected" in answer.text) == (503, True)
    assert nothing_installed(it)


def test_only_administrators(it: Town) -> None:
    it.install(EAST)
    browser = requests.Session()
    csrf = it.sign_in(browser, "operator")
    for path in (f"/channels/{APP}/install", f"/console/channels/{CHANNEL}/workspace"):
        assert browser.get(it.url + path, timeout=10).status_code == 403
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/retries"),
    ):  # fmt: skip
        answer = browser.request(
            method, f"{it.url}/api/v1/channels/{CHANNEL}/installation{path}", json={},
            headers={"X-CSRF-Token": csrf}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 403, method
    stranger = requests.get(f"{it.url}/channels/{APP}/install", timeout=10)
    assert "/console/login?next=" in stranger.url


def test_what_a_workspace_decides(it: Town) -> None:
    it.install(EAST)
    told = it.decide(EAST, hand_over_to="", ai_teams=["7"], drafts="none", answer_when=["bot"])
    assert InstallationSchema().validate(told) == {}
    assert told["settings"]["ai_teams"] == ["7"]
    assert told["decided"] == ["ai_teams", "answer_when", "drafts", "hand_over_to"]
    channel = it.parts.channels[CHANNEL]
    assert (channel.drafts, channel.policy.answer_when_unassigned) == ("none", False)
    held = {name: told["settings"][name] for name in told["settings"]}
    assert it.decide(EAST, **held)["decided"] == told["decided"], "as a form sends it"
    told = it.decide(EAST, drafts=None, answer_when=None)
    assert (told["settings"]["drafts"], told["decided"]) == ("note", ["ai_teams", "hand_over_to"])
    for wrong, status in (
        ({"hand_over_to": f"admin:{BOT}"}, 409),
        ({"agent": "nobody"}, 409),
        ({"hand_over_to": "everybody"}, 422),
        ({"seat": ""}, 422),
        ({"app_id": "another"}, 422),
    ):
        answer = it.api("PATCH", f"/channels/{CHANNEL}/installation", **wrong)
        assert answer.status_code == status, (wrong, answer.text)
    assert it.api("GET", "/channels/nobody/installation").status_code == 404
    page = words(it.browser.get(f"{it.url}/console/channels/{CHANNEL}/workspace", timeout=10).text)
    assert f"Marek Nowak ({MAREK_ID})" in page
    assert "Team Support" in page


def call(it: Town, path: str, body: bytes, secret: str = "app-secret") -> requests.Response:
    signature = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    return requests.post(
        f"{it.url}/webhooks/{APP}/{path}", data=body, headers={"X-Body-Signature": signature},
        timeout=10,
    )  # fmt: skip


def test_uninstall_and_health_are_signed(it: Town) -> None:
    it.install(EAST)
    body = json.dumps({"app_id": EAST}).encode()
    for path in ("uninstall", "health"):
        assert call(it, path, body, "another").status_code == 401
        assert call(it, path, b"[]").status_code == 400
        assert call(it, path, b"x" * 100_000).status_code == 413
        assert requests.post(f"{it.url}/webhooks/{APP}/{path}", data=body).status_code == 401
    assert it.public.health(EAST) == (200, {"state": "OK"})
    assert it.public.health("nobody")[1]["state"] == "UNHEALTHY"
    assert call(it, "uninstall", b'{"app_id": "nobody"}').json() == {"status": "not installed"}
    for _ in range(2):  # the same again changes nothing
        assert it.public.uninstall(EAST) == 200
    told: Any = it.public.health(EAST)[1]
    assert (told["state"], "uninstalled there" in told["message"]) == ("UNHEALTHY", True)
    entries = it.api("GET", "/audit?action=uninstall_app").json()["items"]
    assert len(entries) == 1


@pytest.mark.parametrize(
    ("region", "host"),
    [("us", "app.intercom.com"), ("eu", "app.eu.intercom.com"), ("au", "app.au.intercom.com")],
)
def test_consent_is_asked_for_where_the_workspace_lives(region: str, host: str) -> None:
    settings = IntercomAppSettings(name="a", agent="b", client_id="c d", client_secret=("e",))
    address = IntercomConsent(settings).address("s", "https://here/channels/a/callback", region)
    assert address == (
        f"https://{host}/oauth?client_id=c+d&state=s"
        "&redirect_uri=https%3A%2F%2Fhere%2Fchannels%2Fa%2Fcallback"
    )
