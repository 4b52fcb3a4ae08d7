"""Knocking at the webhook door with bytes of one's own, and looking at what that changed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock, to_micros
from gateway.people import operators
from gateway.store.models import Base
from tests.crash.tree import CHANNEL, Tree
from tests.services.processes import wait_until

PAYLOADS = Path(__file__).parents[1] / "channels" / "intercom" / "payloads"
APP = "abc123std"


class Answer:
    """A status, its headers and its JSON."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.json: Any = json.loads(body) if body else None

    @property
    def error(self) -> str:
        """What is wrong; fails if it is not told in our one shape."""
        assert self.headers["Content-Type"].startswith("application/json"), self.body
        assert set(self.json) == {"error"}, self.json
        error = self.json["error"]
        assert set(error) == {"code", "message", "details"}, error
        assert error["code"]
        assert error["message"]
        return f"{error['code']}: {error['message']}"


class Door:
    """`/webhooks/<channel>` of a running web server."""

    def __init__(self, it: Tree) -> None:
        self.it = it
        self.secret = it.standin.client_secret
        self.port = int(it.url.rpartition(":")[2])
        it.start("web", "--port", str(self.port))
        wait_until(lambda: it.readiness() == "degraded", "the web server")
        # What comes first pins the workspace of a private app.
        assert self.send(notification("ping", None, id="first")).status == 200

    def send(self, content: Any, **more: Any) -> Answer:
        """Send a notification as Intercom would."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.knock(body, signed(body, self.secret), **more)

    def knock(
        self,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        *,
        method: str = "POST",
        path: str = f"/webhooks/{CHANNEL}",
        chunked: bool = False,
    ) -> Answer:
        """Send anything to any door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in pairs:
                connection.putheader(name, value)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif isinstance(body, bytes) and "content-length" not in {n.lower() for n, _ in pairs}:
                connection.putheader("Content-Length", str(len(body)))
            try:
                connection.endheaders()
                for piece in [body] if isinstance(body, bytes) else body:
                    connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if chunked:
                    connection.send(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was all sent: the answer is there
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def record(self) -> str:
        """A fingerprint of every table but the one that counts our answers, refusals among them:
        those are kept every few seconds, whatever a test is doing."""
        digest = hashlib.sha256()
        for table in sorted(set(Base.metadata.tables) - {"answer_minutes"}):
            digest.update(repr(sorted(map(repr, self.it.table(table)))).encode())
        return digest.hexdigest()

    def deliveries(self) -> list[Any]:
        return self.it.table("inbox")

    def delivery(self, id: str) -> Any:
        (found,) = [row for row in self.deliveries() if row.dedup == id]
        return found

    def token(self) -> str:
        """A token of an administrator's."""
        now = to_micros(SystemClock().now())
        email = f"admin{time.monotonic_ns()}@acme.example"

        def add(db: Any) -> str:
            admin = operators.add(db, email=email, name="Ada", role="admin", now=now)
            return operators.new_token(db, admin.id, now)

        return self.it.database.write(add)

    def ask(self, path: str, token: str) -> Any:
        """GET something of the API."""
        answer = self.knock(
            b"", {"Authorization": f"Bearer {token}"}, method="GET", path=f"/api/v1{path}"
        )
        assert answer.status == 200, answer.body
        return answer.json


def signature(body: bytes, secret: str) -> str:
    return "sha1=" + hmac.digest(secret.encode(), body, "sha1").hex()


def signed(body: bytes, secret: str) -> dict[str, str]:
    return {"X-Hub-Signature": signature(body, secret), "Content-Type": "application/json"}


def notification(topic: str, item: Any, *, id: str, **more: Any) -> dict[str, Any]:
    """A notification about anything."""
    return {
        "type": "notification_event", "app_id": APP, "id": id, "topic": topic,
        "created_at": int(time.time()), "data": {"type": "notification_event_data", "item": item},
        **more,
    }  # fmt: skip


def said(text: str, *, id: str, conversation: str, **more: Any) -> dict[str, Any]:
    """A customer's first words, as `conversation.user.created` has them."""
    item = {
        "type": "conversation", "id": conversation, "created_at": int(time.time()),
        "updated_at": int(time.time()),
        "source": {"type": "conversation", "id": "1", "body": text, "subject": "",
                   "author": {"type": "user", "id": "u1", "name": "Ann", "email": "a@x.example"}},
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "u1"}]},
        "admin_assignee_id": None, "team_assignee_id": None, "open": True, "state": "open",
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": []},
    }  # fmt: skip
    return notification("conversation.user.created", item, id=id, **more)
