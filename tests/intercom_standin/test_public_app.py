"""The stand-in's public app: consent, codes, tokens, several workspaces at one address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from intercom_standin import PublicApp, StandIn

BACK = "https://gateway.acme.test/callback"


@pytest.fixture
def public() -> Iterator[PublicApp]:
    workspaces = [
        StandIn(app_id=id, name=id.title(), region=region, ids_of="both", mode="manual")
        for id, region in (("east", "US"), ("west", "EU"))
    ]
    with PublicApp(workspaces, redirect_urls=[BACK], notify_url="http://127.0.0.1:1/") as public:
        yield public


def allow(public: PublicApp, app_id: str, answer: str = "allow", **more: str) -> dict[str, str]:
    form = {"client_id": public.client_id, "redirect_uri": BACK, "state": "s 1", **more}
    page = requests.get(f"{public.base_url}/oauth", params=form, timeout=5)
    assert (page.status_code, "East" in page.text) == (200, True)
    form |= {"app_id": app_id, "answer": answer}
    done = requests.post(f"{public.base_url}/oauth", data=form, timeout=5, allow_redirects=False)
    assert done.status_code == 302
    where = urlsplit(done.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == BACK
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def redeem(
    public: PublicApp, code: str, secret: str = "standin-client-secret"
) -> requests.Response:
    form = {"code": code, "client_id": public.client_id, "client_secret": secret}
    return requests.post(f"{public.base_url}/auth/eagle/token", data=form, timeout=5)


def me(public: PublicApp, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{public.base_url}/me", headers=headers, timeout=5)


def test_a_code_is_good_once_and_as_it_came(public: PublicApp) -> None:
    told = allow(public, "west")
    assert told["state"] == "s 1"
    assert told["code"].endswith("=")
    for wrong in (redeem(public, told["code"][:-1]), redeem(public, told["code"], "another")):
        assert wrong.status_code == 401
        assert wrong.json()["errors"][0]["message"] == "Unauthorized Code"
    given = redeem(public, told["code"]).json()
    assert given["token_type"] == "Bearer"
    assert given["token"] == given["access_token"]
    assert redeem(public, told["code"]).status_code == 401
    app = me(public, given["token"]).json()["app"]
    assert (app["id_code"], app["name"], app["region"]) == ("west", "West", "EU")


def test_each_token_opens_its_own_workspace(public: PublicApp) -> None:
    tokens = {id: redeem(public, public.allow(id)).json()["token"] for id in ("east", "west")}
    ids = {id: one.world.customer_starts(id).conversation.id
           for id, one in public.workspaces.items()}  # fmt: skip
    assert ids["east"] == ids["west"]
    for id, token in tokens.items():
        answer = requests.get(
            f"{public.base_url}/conversations/{ids[id]}", timeout=5,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert id in answer.json()["source"]["body"]
    state = requests.get(f"{public.base_url}/w/west/_standin/state", timeout=5).json()
    assert [one["id"] for one in state["conversations"]] == [ids["west"]]
    public.revoke("east")
    assert me(public, tokens["east"]).status_code == 401
    assert me(public, tokens["west"]).status_code == 200
    assert me(public, "nobody's").json()["errors"][0]["code"] == "unauthorized"


def test_who_cancels_and_where_one_may_go_back_to(public: PublicApp) -> None:
    assert allow(public, "east", "deny") == {"state": "s 1", "error": "access_denied"}
    for wrong in ({"client_id": "another"}, {"redirect_uri": "https://evil.test/"}):
        asked = {"client_id": public.client_id, "redirect_uri": BACK, **wrong}
        assert requests.get(f"{public.base_url}/oauth", params=asked, timeout=5).status_code == 400
