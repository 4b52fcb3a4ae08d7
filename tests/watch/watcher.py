"""A rig that is watched: looks on command, mail and webhooks to real servers, doctor beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select
from standardwebhooks import Webhook

from gateway.app import create_app
from gateway.channels.base import Envelope
from gateway.cli import main
from gateway.clock import from_micros, to_micros
from gateway.config import AlertSettings, SmtpSettings
from gateway.events import Delivery
from gateway.sinks import open_sinks
from gateway.store import new_id
from gateway.store.models import Claim, InboxDelivery, Installation, Reconciliation
from gateway.sync.watching import Watching
from gateway.watch.answers import AnswerCounter
from intercom_standin.records import Notification
from tests.rig import BOT, CHANNEL, Rig, rig
from tests.watch.servers import Mails, Posts, mail_server, webhook_server

SECRET = "whsec_" + base64.b64encode(b"a secret for alerts, 24b").decode()
TO = ("ops@acme.example", "ann@acme.example")


class Watcher:
    """What tests of watching do and see. Its time is the real one, less what a test goes back."""

    def __init__(self, rig: Rig, mails: Mails, posts: Posts, url: str, folder: Path) -> None:
        self.rig, self.mails, self.posts = rig, mails, posts
        self._url, self._folder = url, folder
        self._now = datetime.now(UTC)
        settings = replace(
            rig.settings,
            smtp=SmtpSettings(
                host="127.0.0.1",
                port=mails.port,
                security="none",
                sender="Gateway <gw@acme.example>",
            ),
            alerts=AlertSettings(email_to=TO, webhook_url=posts.url, webhook_secret=SECRET),
        )
        rig.parts = replace(rig.parts, sinks=open_sinks(settings, rig.clock))
        self.watch = Watching(rig.parts, lag_s=0)
        self.directory = rig.bench.works["directory"]
        self.token = rig.token("viewer", "Vera Viewer")

    # -- time --------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return to_micros(self.rig.clock.now())

    def ago(self, **span: float) -> None:
        """Go to so long before now; without a span, to now."""
        at = self._now - timedelta(**span)
        self.rig.clock.advance((at - self.rig.clock.now()).total_seconds())

    def on(self, weekday: int, hour: int) -> None:
        """Call the next such hour (Monday is 0) after today "now"."""
        day = self._now + timedelta(days=(weekday - self._now.weekday()) % 7 + 7)
        self._now = day.replace(hour=hour, minute=0, second=0, microsecond=0)
        self.ago()

    # -- what happens ------------------------------------------------------------------------------

    def meet(self) -> str:
        """A customer writes, and the notification comes; the conversation's id."""
        outcome = self.rig.world.customer_starts("Hello?", name="Nora Kelly")
        self.rig.hear()
        return str(outcome.conversation.id)

    def ask(self) -> None:
        """Read the directory, as a worker does once an hour."""
        self.free()
        self.directory.do(CHANNEL)

    def came(self, minutes: Sequence[int], topic: str = "conversation.user.replied") -> None:
        """Put notifications into the inbox that came at these moments (µs), after all before."""
        home = "abc123std"
        ids = sorted(new_id("dlv") for _ in minutes)
        rows = [
            {
                "id": id, "channel": CHANNEL, "installation": home, "dedup": id,
                "topic": topic, "conversation": None, "state": "applied", "error": None,
                "body": b"{}", "received_at": at, "applied_at": at, "attempts": 1,
            }
            for id, at in zip(ids, sorted(minutes), strict=True)
        ]  # fmt: skip
        self.rig.parts.database.write(lambda db: db.execute(insert(InboxDelivery), rows))

    def passed(self, *, ago_s: float = 120.0, ended: bool = True, **values: Any) -> None:
        """Put a pass over what changed into the record, which ended so long ago."""
        at = self.now - int(ago_s * 1e6)

        def add(db: Any) -> None:
            home = db.scalar(select(Installation.id).where(Installation.channel == CHANNEL))
            row: dict[str, Any] = {
                "id": new_id("rec"), "installation_id": home, "channel": CHANNEL,
                "asked_by": "clock", "since": at - 1, "until": at, "began_at": at - 60_000_000,
                "due_at": at, "listed_at": at, "ended_at": at if ended else None,
                "found": 0, "doubted": 0, "read": 0, "repaired": 0, "gone": 0, "lost": 0,
                "people": 0, "drift": {}, "marks": {}, **values,
            }  # fmt: skip
            db.execute(insert(Reconciliation), [row])

        self.rig.parts.database.write(add)

    def post(
        self,
        times: int = 1,
        *,
        secret: str | None = None,
        seconds: float = 0.0,
        raising: Exception | None = None,
        body: bytes | None = None,
    ) -> int:
        """Post notifications, each answered after `seconds` or not at all; the last status.

        `secret` signs them; `body` replaces what is signed.
        """  # fmt: skip
        parts, clock = self.rig.parts, self.rig.clock
        channel = parts.channels[CHANNEL]
        slow = _Slow(channel.receiver, lambda: clock.advance(seconds), raising)
        channels = {CHANNEL: replace(channel, receiver=slow)}
        answers = AnswerCounter(parts.database, every_s=0, timer=clock.monotonic)
        client = create_app(
            replace(parts, channels=channels, doors=channels), answers
        ).test_client()
        notifier = self.rig.standin.notifier
        right, notifier.client_secret = notifier.client_secret, secret or notifier.client_secret
        status = 0
        for _ in range(times):
            item = {"type": "ping"}
            at = int(clock.now().timestamp())
            signed = Notification(id=new_id("act"), topic="ping", created_at=at, item=item)
            content, headers = notifier.signed(signed)
            if body is not None:
                from intercom_standin.signing import hub_signature

                content = body
                headers["X-Hub-Signature"] = hub_signature(body, notifier.client_secret)
            status = client.post(f"/webhooks/{CHANNEL}", data=content, headers=headers).status_code
        notifier.client_secret = right
        assert answers.flush()
        return status

    # -- looking -----------------------------------------------------------------------------------

    def free(self) -> None:
        """Let the time of claims run out: PostgreSQL measures it by its own clock."""
        self.rig.parts.database.write(lambda db: db.execute(delete(Claim)))

    def look(self) -> None:
        """Look, and tell what is due to be told."""
        self.free()
        for _ in range(10):
            due = self.watch.due(10)
            if not due:
                return
            for key in due:
                self.watch.do(key)
        raise AssertionError("the watching never ends")

    def look_until_now(self) -> None:
        """Look three times, a minute apart, the last time now."""
        for ago_s in (122, 61, 0):
            self.ago(seconds=ago_s)
            self.look()

    def health(self) -> Any:
        answer = self.rig.api("GET", f"/channels/{CHANNEL}/health", self.token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def findings(self) -> dict[str, Any]:
        return {finding["code"]: finding for finding in self.health()["findings"]}

    def wrong(self) -> dict[str, str]:
        return {code: one["what"] for code, one in self.findings().items() if not one["ok"]}

    def alerts(self) -> dict[str, Any]:
        return {alert["code"]: alert for alert in self.health()["alerts"]}

    def posted(self) -> list[Any]:
        """What the webhook got, each with its signature checked."""
        return [verified(headers, body) for headers, body in self.posts.got]

    def mailed(self) -> str:
        """The text of all mails, unwrapped."""
        texts = [" ".join(str(mail.get_content()).split()) for mail in self.mails.taken]
        return "\n".join(texts)

    def doctor(self, monkeypatch: pytest.MonkeyPatch, *, reconcile_every_s: float = 0) -> Any:
        """What `gateway doctor --json` says of the channel, by code."""
        standin = self.rig.standin
        (self._folder / "gateway.toml").write_text(
            "[agents.support]\nkind = 'scripted'\n"
            f"[channels.{CHANNEL}]\nkind = 'intercom'\nagent = 'support'\n"
            f"access_token = '{self.rig.settings.channels[CHANNEL].access_token}'\n"  # type: ignore[attr-defined]
            f"client_secret = '{standin.client_secret}'\nbot_admin_id = '{BOT}'\n"
            f"base_url = '{self.rig.settings.channels[CHANNEL].base_url}'\n"  # type: ignore[attr-defined]
            f"app_id = 'abc123std'\nreconcile_every_s = {reconcile_every_s}\n"
        )
        monkeypatch.setenv("GATEWAY_DATA_DIR", str(self._folder))
        monkeypatch.setenv("GATEWAY_CONFIG", str(self._folder / "gateway.toml"))
        monkeypatch.setenv("GATEWAY_DATABASE_URL", self._url)
        result = CliRunner().invoke(main, ["doctor", "--json"])
        assert isinstance(result.exception, SystemExit | None), result.exception
        report = json.loads(result.stdout)
        return [finding for finding in report["findings"] if finding["where"] == CHANNEL]


class _Slow:
    """A receiver that takes its time, and may fail in the end."""

    def __init__(self, inner: Any, pause: Any, raising: Exception | None) -> None:
        self._inner, self._pause, self._raising = inner, pause, raising

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        self._pause()
        self._inner.verify(headers, body)

    def read_envelope(self, body: bytes) -> Envelope:
        envelope: Envelope = self._inner.read_envelope(body)
        return envelope

    def translate(self, envelope: Envelope) -> Delivery:
        if self._raising is not None:
            raise self._raising
        delivery: Delivery = self._inner.translate(envelope)
        return delivery


def verified(headers: Mapping[str, str], body: bytes) -> Any:
    """A webhook's JSON, if the signature over it holds."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = Webhook(SECRET).sign(headers["webhook-id"], at, body.decode())
    assert headers["webhook-signature"] == signed
    assert headers["content-type"] == "application/json"
    return json.loads(body)


def moment(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")


@contextmanager
def watcher(url: str, folder: Path, **channel: Any) -> Iterator[Watcher]:
    """A watched rig, once its first notification has come."""
    with mail_server() as mails, webhook_server() as posts, rig(url, folder, **channel) as it:
        made = Watcher(it, mails, posts, url, folder)
        yield made
