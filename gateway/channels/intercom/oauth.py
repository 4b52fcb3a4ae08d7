"""How an admin of a workspace lets a public app in: Intercom's OAuth, as requests and answers.

There is no scope to ask for (permissions are ticked in the Developer Hub), no refresh token, and
no PKCE (2026-11: Intercom documents none). Tokens of every region are given at one address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from gateway.channels.base import Ask, Asked, Installed, Place, Workspace
from gateway.channels.intercom.names import name_or_none, words_or_none
from gateway.config import REGIONS, IntercomAppSettings
from gateway.errors import Again, Never, Paused

Json = Mapping[str, Any]

REFUSED = "Intercom refuses the workspace's token"

# It becomes part of a channel's name, and so of addresses.
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,2000}", re.ASCII)
_LONGEST_WORDS = 200


class IntercomConsent:
    """One public app's way in."""

    def __init__(self, settings: IntercomAppSettings) -> None:
        self._settings = settings

    def address(self, state: str, callback: str, region: str) -> str:
        """Where an admin's browser has to go: the host is the region's."""
        asked = {"client_id": self._settings.client_id, "state": state, "redirect_uri": callback}
        return f"{consent_url(self._settings, region)}?{urlencode(asked)}"

    def redeem(self, code: str, ask: Ask) -> Workspace:
        """Turn the code into a token, and the token into its workspace; raise Never or Again."""
        form = {
            "code": code,  # as it came: it may end in "=", and without that it is refused
            "client_id": self._settings.client_id,
            # While a secret is being replaced the newest is the first.
            "client_secret": self._settings.client_secret[0],
        }
        what = "the code of the installation"
        url = f"{self._settings.base_url}/auth/eagle/token"
        given = _read(ask, Asked(what=what, url=url, form=form))
        token = given.get("access_token") or given.get("token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Never("Intercom answered the code of the installation with no token")
        me = _read(ask, self._get("/me", self._settings.base_url, token))
        app = me.get("app")
        app = app if isinstance(app, dict) else {}
        id = name_or_none(app.get("id_code"))
        if id is None or not _CODE.fullmatch(id):
            raise Never("Intercom does not tell which workspace has let us in (app.id_code of /me)")
        region = str(app.get("region") or "").lower()
        return Workspace(
            id=id,
            title=_words(app.get("name")) or id,
            region=region if region in REGIONS else self._settings.region,
            token=token,
        )

    def places(self, workspace: Installed, ask: Ask) -> tuple[Sequence[Place], Sequence[Place]]:
        """The teammates and the teams of a workspace; raise Paused if the token is refused."""
        base_url = address_of(self._settings, workspace.region)
        found: list[Sequence[Place]] = []
        for path, name in (("/admins", "admins"), ("/teams", "teams")):
            answer = _read(ask, self._get(path, base_url, workspace.token))
            found.append(list(_places(answer.get(name))))
        return found[0], found[1]

    def _get(self, path: str, base_url: str, token: str) -> Asked:
        headers = {
            "Authorization": f"Bearer {token}",
            "Intercom-Version": self._settings.api_version,
        }
        return Asked(what=path, url=base_url + path, headers=headers)


def address_of(settings: IntercomAppSettings, region: str) -> str:
    """The address of the API for a workspace of this region, unless the settings name another."""
    if settings.base_url in REGIONS.values():
        return REGIONS[region]
    return settings.base_url


def consent_url(settings: IntercomAppSettings, region: str) -> str:
    """The page where an admin allows an app in, at this region's host."""
    usual = f"https://app.{'' if settings.region == 'us' else settings.region + '.'}intercom.com"
    if settings.consent_url != f"{usual}/oauth":
        return settings.consent_url  # the stand-in, or a proxy
    return f"https://app.{'' if region == 'us' else region + '.'}intercom.com/oauth"


def _read(ask: Ask, asked: Asked) -> Json:
    status, body = ask(asked)
    if 200 <= status < 300:
        return body
    said = "; ".join(_complaints(body))
    message = f"Intercom answered {status} to {asked.what}" + (f": {said}" if said else "")
    if status in (408, 425, 429) or status >= 500:
        raise Again(message, details={"status": status})
    if status == 401 and asked.form is None:
        raise Paused(f"{REFUSED}: {said or 'unauthorized'}", details={"status": status})
    raise Never(message, details={"status": status})


def _complaints(body: Json) -> Iterator[str]:
    errors = body.get("errors")
    for one in errors[:5] if isinstance(errors, list) else ():
        if isinstance(one, dict):
            yield str(one.get("message") or one.get("code") or "error")[:_LONGEST_WORDS]


def _places(listed: object) -> Iterator[Place]:
    # Intercom's spec allows null in these lists.
    for one in listed if isinstance(listed, list) else ():
        id = name_or_none(one.get("id")) if isinstance(one, dict) else None
        if id is not None:
            yield Place(id=id, name=_words(one.get("name")) or id)


def _words(value: object) -> str | None:
    return words_or_none(value) if isinstance(value, str) else None
