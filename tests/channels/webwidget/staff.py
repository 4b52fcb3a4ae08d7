"""People inside, who work at the REST API of a site's gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.people import avatars, operators
from gateway.store import Transaction
from tests.channels.webwidget.site import Site

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


@dataclass
class Operator:
    """Somebody with a token."""

    site: Site
    id: str
    name: str
    token: str

    def call(self, method: str, rule: str, body: Any = None, *, status: int = 200) -> Any:
        """Call a door of the API."""
        answer = self.site.app.test_client().open(
            "/api/v1" + rule, method=method, headers={"Authorization": f"Bearer {self.token}"},
            **({} if body is None else {"json": body}),
        )  # fmt: skip
        assert answer.status_code == status, answer.text
        return answer.json

    def take(self, session: str) -> None:
        """Hand a session over and take it."""
        self.call("POST", f"/sessions/{session}/handover")
        self.call("POST", f"/sessions/{session}/accept")

    def say(self, session: str, text: str) -> Any:
        """Say something to the visitor."""
        return self.call("POST", f"/sessions/{session}/messages", {"text": text}, status=201)


def operator(site: Site, name: str = "Ann", role: Any = "operator") -> Operator:
    """A new one, with a picture."""

    def add(db: Transaction) -> tuple[str, str]:
        email = f"{name.lower()}@acme.example"
        added = operators.add(db, email=email, name=name, role=role, now=site.now)
        avatars.put(db, added.id, PNG, site.now)
        return added.id, operators.new_token(db, added.id, site.now)

    id, token = site.parts.database.write(add)
    return Operator(site, id, name, token)
