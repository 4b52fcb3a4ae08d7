"""Carol, who left a mark wherever somebody can, and a search through everything that is kept."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import requests
from sqlalchemy import inspect, select, text

from gateway.config import FileSettings, SubscriberSettings, WebWidgetSettings
from gateway.events import Answer, HandoverRequest
from gateway.store.models import ContactIdentity, InboxDelivery
from tests.files.samples import CONTENT_TYPE, body, png
from tests.rig import AOIFE, CHANNEL, Rig

WEB, ORIGIN = "acme-web", "https://www.acme.example"
MARKS: Mapping[str, str] = {
    "name": "Carolina Marksdottir",
    "email": "carolina@marks.example",
    "second e-mail": "private@marks.example",
    "phone": "+353 1 555 7788",
    "site's id": "shopper-778899",
    "custom detail": "loyaltymark-blue",
    "first words": "my parcel pearlmark is lost",
    "later words": "it was for my sister rubymark",
    "widget words": "do you know sapphiremark",
    "AI's words": "I will look for topazmark",
    "AI's draft of last words": "one moment jademark",
    "AI's discarded words": "never said opalmark",
    "operator's words": "we found onyxmark",
    "note": "she sounds upset garnetmark",
    "operator's reason": "she wants agatemark",
    "AI's reason": "asks about berylmark",
    "summary": "in short coralmark",
    "parameter": "order-quartzmark",
    "result": "refund-zirconmark",
    "page": "https://www.acme.example/cart/flintmark",
    "file's name": "passport-slatemark.png",
    "rating": "nobody called me back ambermark",
    "failed delivery": "unreadable ivorymark",
    "fin's words": "other bot spinelmark",
}  # fmt: skip
SECRET = "a secret of 32 bytes for known visitors"
PICTURE = png(33, 22) + b"bytes of her passport: obsidianmark"


class World(Rig):
    """The rig, with hands for Carol in both channels."""

    def __init__(self, url: str, valkey: str, data_dir: Path, **channel: Any) -> None:
        web = WebWidgetSettings(
            name=WEB, agent="support", key="web-key", allowed_origins=(ORIGIN,),
            identity_secret=(SECRET,),
        )  # fmt: skip
        subscriber = SubscriberSettings(
            name="crm", url="http://127.0.0.1:9/crm", secret="whsec_c2VjcmV0c2VjcmV0",
            events=(
                "session.started", "session.handed_over", "session.finished", "session.read",
                "message.created", "note.created", "contact.updated",
            ),
        )  # fmt: skip
        super().__init__(
            url, data_dir,
            also={WEB: web},
            more={
                "redis_url": valkey, "subscribers": (subscriber,),
                "files": FileSettings(url=str(data_dir / "files")),
            },
            agent_rules={"contact_fields": {"custom.order": "parameters.order"}},
            **channel,
        )  # fmt: skip
        self.valkey = redis.Redis.from_url(valkey)
        self.data_dir = data_dir
        self.admin = self.token("admin")
        self.operator = self.token("operator", name="Ann Operator", link=str(AOIFE))
        self.visitor_token = ""

    # -- Carol -------------------------------------------------------------------------------------

    def in_intercom(self) -> str:
        """Carol's conversation in Intercom; its id there."""
        m = MARKS
        carol = self.world.add_contact(
            m["name"], email=m["email"], phone=m["phone"], external_id=m["site's id"]
        ).contact
        self.contact_there = carol.id
        conversation = self.world.customer_starts(m["first words"], contact_id=carol.id)
        self.conversation = conversation.conversation.id
        self.agent.next.append(
            Answer(
                messages=[m["AI's words"]],
                parameters={"order": m["parameter"]}, results={"refund": m["result"]},
            )
        )  # fmt: skip
        self.settle()
        self.advance(5)
        self.world.customer_replies(self.conversation, m["later words"])
        self.agent.next.append(
            Answer(
                messages=[m["AI's draft of last words"]],
                handover=HandoverRequest(
                    trigger="automatic", reason=m["AI's reason"], summary=m["summary"]
                ),
            )
        )
        self.settle()
        self.advance(5)
        session = self.session(self.conversation).id
        self.ok("POST", f"/sessions/{session}/accept", self.operator)
        self.ok(
            "POST", f"/sessions/{session}/messages", self.operator, text=m["operator's words"],
            key="said-once",
        )  # fmt: skip
        self.ok("POST", f"/sessions/{session}/notes", self.operator, text=m["note"])
        self.settle()
        self.world.fin_writes(self.conversation, m["fin's words"])
        self.settle()
        # Back to the AI, which thinks while a supervisor takes the session away from it.
        self.advance(5)
        self.ok("POST", f"/sessions/{session}/hand_back", self.operator)
        self.settle()
        self.advance(5)
        self.world.customer_replies(self.conversation, "and now?")
        self.agent.before.append(
            lambda _: self.ok(
                "POST", f"/sessions/{session}/handover", self.admin, reason=m["operator's reason"]
            )
        )
        self.agent.next.append(Answer(messages=[m["AI's discarded words"]]))
        self.settle()
        return self.conversation

    def unreadable(self) -> None:
        """Something about her that cannot be applied is delivered."""
        payload = json.dumps(
            {
                "type": "notification_event", "app_id": self.world.app_id, "id": "notif_broken",
                "topic": "conversation.user.replied",
                "data": {
                    "item": {
                        "type": "conversation", "id": self.conversation,
                        "source": {"body": MARKS["failed delivery"]},
                        "conversation_parts": {"conversation_parts": [{"id": {}}]},
                    }
                },
            }
        )  # fmt: skip
        answer = self.deliver(payload.encode())
        assert answer.status_code == 200, answer.text

    def deliver(self, payload: bytes) -> Any:
        """Deliver something as Intercom would."""
        import hashlib
        import hmac

        signed = hmac.new(self.standin.client_secret.encode(), payload, hashlib.sha1).hexdigest()
        return requests.post(
            f"{self.url}/webhooks/{CHANNEL}", data=payload, timeout=10,
            headers={"X-Hub-Signature": f"sha1={signed}", "Content-Type": "application/json"},
        )  # fmt: skip

    def on_the_page(self) -> None:
        """Carol in the widget: known by a proof, with a file, a rating and what her page says."""
        import jwt

        m = MARKS
        now = int(self.clock.now().timestamp())
        proof = jwt.encode(
            {
                "sub": m["site's id"], "iat": now, "exp": now + 600, "name": m["name"],
                "email": m["second e-mail"],
            },
            SECRET, algorithm="HS256",
        )  # fmt: skip
        opened = self.widget(
            "POST", "/sessions", json={
                "key": "web-key", "jwt": proof, "parameters": {"page": m["page"]},
            },
        ).json()  # fmt: skip
        self.visitor_token, self.visitor = opened["visitor_token"], opened["visitor"]["id"]
        self.widget("POST", "/messages", json={"client_id": "c-1", "text": m["widget words"]})
        put = requests.post(
            f"{self.url}/widget/v1/files", data=body(PICTURE, m["file's name"]), timeout=10,
            headers={
                "Origin": ORIGIN, "Authorization": f"Bearer {self.visitor_token}",
                "Content-Type": CONTENT_TYPE,
            },
        )  # fmt: skip
        assert put.status_code == 201, put.text
        self.widget(
            "POST", "/messages",
            json={"client_id": "c-2", "text": "here it is", "files": [put.json()["id"]]},
        )  # fmt: skip
        self.work()
        talk = self.widget("GET", "/messages").json()
        self.widget("POST", "/read", json={"message": talk["messages"][-1]["id"]})
        session = talk["session"]["id"]
        self.ok("POST", f"/sessions/{session}/finish", self.operator)
        self.widget(
            "POST", "/rating", json={"session": session, "score": 2, "comment": m["rating"]}
        )

    def edited(self) -> str:
        """Both of her are one, by an operator's hand; the contact's id."""
        contact, other = self.contact_of(CHANNEL), self.contact_of(WEB)
        self.ok("POST", f"/contacts/{contact}/merge", self.admin, contact_id=other)
        tagged = self.api("GET", f"/contacts/{contact}", self.admin)
        edited = requests.patch(
            f"{self.url}/api/v1/contacts/{contact}",
            json={"custom": {"colour": MARKS["custom detail"]}}, timeout=10,
            headers={
                "Authorization": f"Bearer {self.admin}", "If-Match": tagged.headers["ETag"],
                "Idempotency-Key": "edited-once",
            },
        )  # fmt: skip
        assert edited.status_code == 200, edited.text
        self.ok("POST", f"/contacts/{contact}/verify", self.admin, detail="email")
        return contact

    def contact_of(self, channel: str) -> str:
        external = self.contact_there if channel == CHANNEL else self.visitor
        with self.parts.database.read() as db:
            found = select(ContactIdentity.contact_id).where(
                ContactIdentity.external_id == external
            )
            return str(db.scalars(found).one())

    # -- doors -------------------------------------------------------------------------------------

    def ok(self, method: str, path: str, token: str, *, key: str = "", **json: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        answer = requests.request(
            method, f"{self.url}/api/v1{path}", json=json or None, headers=headers, timeout=20
        )
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer

    def browser_asks(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {self.visitor_token}"}
        return requests.request(
            method, f"{self.url}/widget/v1{path}", headers=headers, timeout=10, **more
        )

    def widget(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Origin": ORIGIN}
        if self.visitor_token:
            headers["Authorization"] = f"Bearer {self.visitor_token}"
        answer = requests.request(
            method, f"{self.url}/widget/v1{path}", headers=headers, timeout=10, **more
        )
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer

    def export(self, contact: str) -> zipfile.ZipFile:
        answer = self.ok("POST", f"/contacts/{contact}/export", self.admin)
        return zipfile.ZipFile(io.BytesIO(answer.content))

    def erase(self, contact: str, confirm: str = MARKS["name"], **more: Any) -> Any:
        return self.ok(
            "POST", f"/contacts/{contact}/erase", self.admin, confirm=confirm,
            reason="asked for it", **more,
        )  # fmt: skip

    def replay(self, delivery: str) -> Any:
        return self.api("POST", f"/deliveries/{delivery}/replay", self.admin)

    # -- searching ---------------------------------------------------------------------------------

    def everything(self) -> dict[str, str]:
        """Every column of every row of every table that the database has."""
        found: dict[str, str] = {}
        with self.parts.database.engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
                found[table] = "\n".join(_spelled(value) for row in rows for value in row)
        return found

    def in_valkey(self) -> str:
        """Every key and value of Valkey."""
        told = []
        for key in self.valkey.scan_iter("*"):
            told.append(repr(key))
            kind = self.valkey.type(key)
            if kind == b"string":
                told.append(repr(self.valkey.get(key)))
            elif kind == b"hash":
                told.append(repr(self.valkey.hgetall(key)))
            elif kind == b"list":
                told.append(repr(self.valkey.lrange(key, 0, -1)))
            elif kind == b"zset":
                told.append(repr(self.valkey.zrange(key, 0, -1)))
        return "\n".join(told)

    def on_disk(self) -> dict[str, bytes]:
        """Every file of the data folder."""
        return {
            str(path.relative_to(self.data_dir)): path.read_bytes()
            for path in self.data_dir.rglob("*")
            if path.is_file()
        }

    def bodies(self) -> list[Any]:
        with self.parts.database.read() as db:
            return list(db.execute(select(InboxDelivery.__table__).order_by(InboxDelivery.id)))


def spelled(mark: str) -> set[str]:
    """A mark as databases, JSON and searches write it."""
    return {mark, mark.lower(), json.dumps(mark)[1:-1]}


def _spelled(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@contextmanager
def world(url: str, valkey: str, data_dir: Path, **channel: Any) -> Iterator[World]:
    made = World(url, valkey, data_dir, **channel)
    try:
        yield made
    finally:
        made.valkey.close()
        made.close()
