"""A gateway whose people may sign in at an identity provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from werkzeug.test import TestResponse

from gateway.config import OidcSettings, Settings, SignInSettings
from tests.console.house import HERE, Browser, ConsoleHouse
from tests.services.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider

CALLBACK = "/console/login/oidc/callback"
ATTEMPT = "__Host-gateway-attempt"


class VouchedHouse(ConsoleHouse):
    """The console's house beside a provider. `oidc` are settings of `[sign_in.oidc]`."""

    def __init__(
        self,
        database_url: str,
        provider: IdentityProvider,
        *,
        passwords: bool = True,
        people: bool = True,
        public_url: str = HERE,
        **oidc: Any,
    ) -> None:
        self.provider = provider
        self._sign_in = SignInSettings(
            passwords=passwords,
            oidc=OidcSettings(
                **{
                    "name": "Acme ID", "issuer": provider.url, "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET, **oidc,
                }
            ),
        )  # fmt: skip
        super().__init__(database_url, people=people, public_url=public_url)
        provider.clock = self.clock

    def settings(self, database_url: str, **more: Any) -> Settings:
        return replace(super().settings(database_url, **more), sign_in=self._sign_in)

    def begin(self, browser: Browser, next: str = "") -> str:
        """Follow the link; the address at the provider."""
        asked = {"next": next} if next else {}
        answer = browser.ask("GET", "/console/login/oidc", query_string=asked)
        assert answer.status_code == 303
        return answer.headers["Location"]

    def sign_in(
        self, who: str, browser: Browser | None = None, next: str = "", **more: str | None
    ) -> TestResponse:
        """Somebody goes there, says who they are, and comes back."""
        browser = browser or self.stranger()
        address = self.begin(browser, next)
        return self.back(browser, self.provider.continued(address, who, **more))

    def back(self, browser: Browser, query: dict[str, str]) -> TestResponse:
        """The provider sends the browser back."""
        return browser.ask("GET", CALLBACK, query_string=query)


def trouble(answer: TestResponse) -> str:
    """The word for why somebody was not let in."""
    assert answer.status_code == 303
    path, _, word = answer.headers["Location"].partition("?trouble=")
    assert path == "/console/login"
    return word
