"""Recorded payloads, bent at any place and signed correctly: never a 5xx, never a broken record.

GATEWAY_FUZZ_EXAMPLES with HYPOTHESIS_PROFILE=explore looks further.
"""

from __future__ import annotations

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from gateway.store.models import ChatSession, Conversation, FactRow, InboxDelivery, Push, TurnRow
from tests.hostile.door import APP, PAYLOADS, signature
from tests.rig import CHANNEL, START, Rig, rig

NOW = int(START.timestamp())
EXAMPLES = int(os.environ.get("GATEWAY_FUZZ_EXAMPLES", "300"))
# Ids that meet often, so that strange deliveries meet what is known.
CONVERSATIONS = ("88120450031", "88120450032", "215000000000001", "0", "-1")

strange = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 1e308, -0.0, 0.5,
         NOW, NOW + 10**6, 253402300799, 253402300800, "", " ", "0", "null", "\x00", "a\x00b",
         "\ud800", "\U0001f600", "a" * 129, "9" * 19, "9" * 40, "٣", "<p>x</p>",
         "<script>alert(1)</script>", "nobody_admin", "admin", "team", "bot", "user", "lead",
         "assignment", "comment", "open", "close", "note", "closed", "2026-11-22T16:08:00Z",
         [], {}, [[]], [None], {"type": "conversation"}, {"id": "1"}, {"": 0}, *CONVERSATIONS]
    )
    | st.text(max_size=8)
    | st.lists(st.none() | st.integers(), max_size=3)
)  # fmt: skip
bends = st.sampled_from(["replace", "delete", "repeat", "wrap", "rename", "swap", "type", "id"])


def recorded() -> list[tuple[str, Any]]:
    """Every recorded payload with its times moved to the rig's day."""
    found = []
    for path in sorted(PAYLOADS.glob("*/*.json")):
        content = json.loads(path.read_bytes())
        times = [number for number in _numbers(content) if 1_500_000_000 < number < 2_000_000_000]
        content = _shifted(content, NOW - max(times, default=NOW))
        found.append((f"{path.parent.name}/{path.stem}", content | {"app_id": APP}))
    return found


def _numbers(node: Any) -> Iterator[int]:
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _numbers(inner)
    elif isinstance(node, int):
        yield node


def _shifted(node: Any, by: int) -> Any:
    if isinstance(node, dict):
        return {key: _shifted(inner, by) for key, inner in node.items()}
    if isinstance(node, list):
        return [_shifted(inner, by) for inner in node]
    is_time = isinstance(node, int) and 1_500_000_000 < node < 2_000_000_000
    return node + by if is_time else node


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a payload but its outermost."""
    found = [path] if path else []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    else:
        inner = []
    for key, value in inner:
        found += places(value, (*path, key))
    return found


def bend(content: Any, draw: Callable[[Any], Any]) -> Any:
    """Change one place of a payload."""
    path = draw(st.sampled_from(places(content) or [("topic",)]))
    at = content
    for step in path[:-1]:
        at = at[step]
    key = path[-1]
    how = draw(bends)
    if how == "delete":
        at.pop(key, None) if isinstance(at, dict) else at.pop(key)
    elif how == "repeat" and isinstance(at, list):
        at.extend([copy.deepcopy(at[key])] * draw(st.integers(1, 4)))
    elif how == "wrap":
        at[key] = draw(st.sampled_from([[at[key]], {"id": at[key]}, [[at[key], at[key]]]]))
    elif how == "rename" and isinstance(at, dict):
        at[draw(st.text(max_size=5))] = at.pop(key)
    elif how == "swap":
        other = draw(st.sampled_from(places(content)))
        value = content
        for step in other:
            value = value[step]
        at[key] = copy.deepcopy(value)
    elif how == "type" and isinstance(at[key] if isinstance(at, list) else at.get(key), str | int):
        at[key] = str(at[key]) if isinstance(at[key], int) else draw(st.integers())
    elif how == "id" and isinstance(at, dict) and "id" in at:
        at["id"] = draw(st.sampled_from(CONVERSATIONS))
    else:
        at[key] = draw(strange)
    return content


class Fuzz:
    """A rig that takes bent payloads, and what became of them."""

    def __init__(self, it: Rig) -> None:
        self.it = it
        self.session = requests.Session()
        self.url = f"{it.url}/webhooks/{CHANNEL}"
        self.secret = it.standin.client_secret
        self.seen: Counter[str] = Counter()
        self.number = 0

    def send(self, content: Any) -> None:
        """Send it and check the answer against what was kept."""
        self.number += 1
        body = json.dumps(content).encode()
        before = self.kept()
        answer = self.session.post(
            self.url, data=body, timeout=20,
            headers={"X-Hub-Signature": signature(body, self.secret)},
        )  # fmt: skip
        after = self.kept()
        self.seen[str(answer.status_code)] += 1
        assert answer.status_code in (200, 400), (answer.status_code, answer.text, body)
        if answer.status_code == 400:
            assert answer.json()["error"]["message"]
            assert after == before, body
            return
        assert answer.json() == {"status": "kept"}
        if after == before:
            self.seen["repeated"] += 1
            return
        with self.it.parts.database.read() as db:
            row = db.execute(
                select(InboxDelivery.__table__).order_by(InboxDelivery.id.desc()).limit(1)
            ).one()
            held = db.execute(
                select(Conversation.held_since, Conversation.read_due).where(
                    Conversation.external_id == row.conversation
                )
            ).one_or_none()
        self.seen[row.state] += 1
        if row.state == "failed":
            assert row.error
            # Told in words of ours, not by a stumble of the code.
            assert "while applying" not in row.error, (row.error, body)
            if row.conversation is not None:
                assert held is not None
                assert held.held_since is not None
                assert held.read_due is not None

    def kept(self) -> int:
        with self.it.parts.database.read() as db:
            return db.scalar(select(func.count()).select_from(InboxDelivery)) or 0

    def check_record(self) -> None:
        """What must hold of the record whatever came."""
        with self.it.parts.database.read() as db:
            if self.it.parts.database.is_sqlite:
                assert db.execute(text("PRAGMA foreign_key_check")).all() == []
                assert db.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            twice = (
                select(ChatSession.conversation_id)
                .where(ChatSession.status == "active")
                .group_by(ChatSession.conversation_id)
                .having(func.count() > 1)
            )
            assert db.execute(twice).all() == []
            # A push is begun for nobody but a session in its conversation.
            strays = select(Push.id).join(ChatSession, ChatSession.id == Push.session_id)
            strays = strays.where(ChatSession.conversation_id != Push.conversation_id)
            assert db.execute(strays).all() == []
            assert db.scalar(select(func.count()).select_from(FactRow)) is not None

    def read_everything(self) -> int:
        """Read all that the API shows; return how many sessions there are."""
        token = self.it.token()
        cursor, count = "", 0
        while True:
            page = self.it.api("GET", f"/sessions?limit=500{cursor}", token)
            assert page.status_code == 200, page.text
            for session in page.json()["items"]:
                count += 1
                path = f"/sessions/{session['id']}"
                for answer in (
                    self.it.api("GET", path, token),
                    self.it.api("GET", f"{path}/messages?limit=500", token),
                ):
                    assert answer.status_code == 200, (session, answer.text)
            if page.json()["next_cursor"] is None:
                break
            cursor = f"&cursor={page.json()['next_cursor']}"
        deliveries = self.it.api("GET", "/deliveries?state=failed&limit=500", token)
        assert deliveries.status_code == 200
        assert len(deliveries.json()["items"]) == min(500, self.seen["failed"])
        return count

    def works_on(self) -> None:
        """After all that, the gateway works as before."""
        it = self.it
        it.advance(5)
        it.work()
        talk = it.world.customer_starts("Still there?", name="Ann").conversation_id
        it.settle()
        assert it.said_by_bot(talk) == ['<p class="no-margin">AI: Still there?</p>']
        with it.parts.database.read() as db:
            open_turns = db.scalar(
                select(func.count()).where(TurnRow.state.in_(("due", "asking", "waiting")))
            )
            held = db.scalar(select(func.count()).where(Conversation.held_since.is_not(None)))
        assert open_turns == 0
        assert held == 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_bent_payloads(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(
        "migrated_sqlite_url" if database == "sqlite" else "migrated_postgres_url"
    )
    payloads = recorded()
    with rig(url, tmp_path) as it:
        fuzz = Fuzz(it)
        fuzz.send({"topic": "ping", "app_id": APP, "id": "pins the workspace"})

        @settings(max_examples=EXAMPLES, deadline=None)
        @given(st.data())
        def play(data: st.DataObject) -> None:
            name, content = data.draw(st.sampled_from(payloads))
            thread = data.draw(st.integers(31, 60))
            content = json.loads(json.dumps(content).replace("88120450031", f"881204500{thread}"))
            for _ in range(data.draw(st.integers(0, 4))):
                content = bend(content, data.draw)
            if data.draw(st.integers(0, 3)) and isinstance(content.get("id"), str):
                content["id"] = f"{name} {fuzz.number}"
            fuzz.send(content)

        play()
        fuzz.check_record()
        sessions = fuzz.read_everything()
        fuzz.works_on()
        print(f"{database}: {dict(fuzz.seen)}, {sessions} sessions")
        assert fuzz.seen["applied"] > EXAMPLES / 10
        assert fuzz.seen["failed"] > EXAMPLES / 20
        assert sessions > 3
