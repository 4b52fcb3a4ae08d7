"""A console with our own widget beside Intercom: visitors who write, operators who answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.config import ScriptedAgentSettings, Settings, WebWidgetSettings
from tests.console.house import ConsoleHouse

WEB, KEY, SHOP = "acme-web", "acme-web-key", "https://shop.acme.test"


class PeopleHouse(ConsoleHouse):
    """`visitor("Vera")` writes in the widget's own doors."""

    def settings(self, database_url: str, **more: Any) -> Settings:
        """With a widget."""
        made = super().settings(database_url, **more)
        widget = WebWidgetSettings(
            name=WEB, agent="support", key=KEY, allowed_origins=(SHOP,), title="Acme"
        )
        speaks = ScriptedAgentSettings(name="support", fallback_reply="It is on its **way**.")
        return replace(
            made,
            agents={**made.agents, "support": speaks},
            channels={**made.channels, WEB: widget},
        )

    def visitor(self, name: str | None = None, email: str | None = None) -> Visitor:
        """Somebody who opens the widget for the first time."""
        return Visitor(self, name, email)

    def handed_over(self, text: str = "Hello?", name: str | None = "Vera", **more: Any) -> str:
        """A visitor's session that waits for a person; its id."""
        session = self.visitor(name, more.pop("email", None)).says(text)
        answer = self.post(f"/sessions/{session}/handover", more or None, role="admin")
        assert answer.status_code == 200, answer.json
        return session


class Visitor:
    """A person in the widget, as its doors see one."""

    def __init__(self, house: PeopleHouse, name: str | None, email: str | None) -> None:
        self._house = house
        self._said = 0
        claims = {k: v for k, v in {"name": name, "email": email}.items() if v is not None}
        answer = self._call("POST", "/sessions", {"key": KEY, "claims": claims})
        self._token = answer["visitor_token"]
        self.id = answer["visitor"]["id"]

    def says(self, text: str, **more: Any) -> str:
        """Write; the id of the session in which it is."""
        self._said += 1
        self._house.clock.advance(1)
        self._call("POST", "/messages", {"client_id": f"m{self._said}", "text": text, **more})
        found = self._house.get(f"/sessions?conversation={self.id}").json["items"]
        return str(found[0]["id"])

    def types(self, on: bool = True) -> None:
        """Be seen to write."""
        self._call("POST", "/typing", {"on": on})

    def reads(self) -> list[dict[str, Any]]:
        """What the visitor sees."""
        found: list[dict[str, Any]] = self._call("GET", "/messages")["messages"]
        return found

    def read_by_them(self) -> str | None:
        """Up to which of the visitor's lines somebody inside has read, as the widget shows it."""
        found: str | None = self._call("GET", "/messages")["session"]["read_by_them"]
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Origin": SHOP}
        if hasattr(self, "_token"):
            headers["Authorization"] = f"Bearer {self._token}"
        more = {} if body is None else {"json": body}
        answer = self._house.client().open(
            f"/widget/v1{path}", method=method, headers=headers, **more
        )
        assert answer.status_code in (200, 201, 204), (path, answer.status, answer.text)
        return answer.json
