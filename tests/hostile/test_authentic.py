"""What is authentic is kept and answered 200, however strange; what it says is made harmless."""

from __future__ import annotations

import copy
import json
import re
import time
import zlib
from typing import Any

import pytest

from tests.hostile.door import PAYLOADS, Door, notification, said

ASSIGNED = json.loads((PAYLOADS / "2.14" / "conversation.admin.assigned.json").read_bytes())


def the_one(door: Door, conversation: str, token: str) -> Any:
    """The only session of a conversation, as the API has it."""
    (session,) = door.ask(f"/sessions?conversation={conversation}", token)["items"]
    return session


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("nul", "a\x00b", "ab"),
        ("controls", "a\x01\x08\x1b[31mb", None),
        ("half a character", "cut \ud83d", "cut \ufffd"),
        ("other half", "\ude00 cut", "\ufffd cut"),
        ("whole character", "\ud83d\ude00", "\U0001f600"),
        ("right to left", "\u202egnp.exe", None),
        ("script", "<p>x<script>alert(1)</script></p>", "x"),
        ("tags without end", "<div>" * 200_000 + "x", None),
        ("entities", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", "<script>alert(1)</script>"),
        ("sql", "<p>'; DROP TABLE messages; --</p>", "'; DROP TABLE messages; --"),
    ],
)
def test_words_of_any_kind_are_kept(door: Door, name: str, text: str, shown: str | None) -> None:
    number = str(80_000 + sum(map(ord, name)))
    body = json.dumps(said(text, id=f"words {name}", conversation=number)).encode()
    assert door.send(body).status == 200
    delivery = door.delivery(f"words {name}")
    assert (delivery.state, delivery.error) == ("applied", None)
    token = door.token()
    session = the_one(door, number, token)
    messages = door.ask(f"/sessions/{session['id']}/messages", token)["items"]
    if shown is not None:
        assert [one["text"] for one in messages if one["kind"] == "message"] == [shown]


def test_ten_megabytes_of_one_string_are_kept_and_cut(door: Door) -> None:
    content = said("x" * (10 * 1024 * 1024 - 2000), id="long", conversation="80001")
    began = time.monotonic()
    assert door.send(content).status == 200
    assert time.monotonic() - began < 5
    assert door.delivery("long").state == "applied"
    token = door.token()
    session = the_one(door, "80001", token)
    (message,) = door.ask(f"/sessions/{session['id']}/messages", token)["items"]
    assert 1000 < len(message["text"]) < 200_000


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<p onclick='alert(1)' style='position:fixed'>x</p>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<math><mtext></p><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<p><style>*{display:none}</style><base href='//evil.example'><form action=//evil.example>"
    "<input type=password><button formaction=javascript:alert(1)>x</button></form></p>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<p>]]></p><!--><img src=x onerror=alert(1)>-->",
    "<meta http-equiv=refresh content='0;url=//evil.example'><link rel=stylesheet href=//evil>",
    "<p><a href='//evil.example' target=_top>x</a><video src=x onerror=alert(1)></p>",
    "<object data=x><embed src=x><template><script>alert(1)</script></template>",
]
# Tags with attributes of browsers' doing; text that was escaped is harmless.
_DANGEROUS = re.compile(
    r"<\s*/?(?:script|style|iframe|object|embed|svg|math|form|input|button|meta|link|base|video|"
    r"template|img)\b|<[^>]*\s(?:on\w+|style|srcdoc|formaction|target|class|id)\s*=|"
    r"<[^>]*(?:javascript|data|vbscript)\s*:",
    re.IGNORECASE,
)


def test_hostile_html_is_harmless_in_the_api(door: Door) -> None:
    token = door.token()
    for number, text in enumerate(HOSTILE):
        name = f"html {number}"
        content = said(f"<p>before</p>{text}<p>after</p>", id=name, conversation=f"9{number:04}")
        author = content["data"]["item"]["source"]["author"]
        author |= {"name": text, "email": text}
        assert door.send(content).status == 200
        assert door.delivery(name).state == "applied", door.delivery(name).error
        session = the_one(door, f"9{number:04}", token)
        messages = door.ask(f"/sessions/{session['id']}/messages", token)["items"]
        shown = "".join(one["html"] for one in messages)
        assert "before" in shown
        assert not _DANGEROUS.search(shown), shown


def test_a_key_that_occurs_twice_counts_as_its_last(door: Door) -> None:
    body = json.dumps(said("<p>x</p>", id="kept", conversation="81001")).encode()
    assert door.send(b'{"id":"overruled","topic":"ping",' + body[1:]).status == 200
    assert door.delivery("kept").topic == "conversation.user.created"
    assert not [row for row in door.deliveries() if row.dedup == "overruled"]


def test_an_unknown_topic_is_kept(door: Door) -> None:
    items: list[Any] = [None, 17, "x", [], {}, {"type": "conversation"}, {"a": {"b": [1, 2.5]}}]
    for number, item in enumerate(items):
        name = f"unknown {number}"
        assert door.send(notification("conversation.of.tomorrow", item, id=name)).status == 200
        assert door.delivery(name).state in ("applied", "failed")
    assert door.send(notification("💩", {"x": 1}, id="unknown topic")).status == 200
    assert door.delivery("unknown topic").state == "applied"


def test_another_workspace_is_kept_apart(door: Door) -> None:
    before = {name: len(door.it.table(name)) for name in ("conversations", "facts", "contacts")}
    for number, app in enumerate(["other", 17, "ABC123STD"]):
        content = said("<p>x</p>", id=f"foreign {number}", conversation="82001") | {"app_id": app}
        assert door.send(content).status == 200
        assert door.delivery(f"foreign {number}").state == "foreign"
    after = {name: len(door.it.table(name)) for name in before}
    assert after == before


def wrong(path: str, value: Any) -> dict[str, Any]:
    """An assignment with one thing in it that cannot be read."""
    content: dict[str, Any] = copy.deepcopy(ASSIGNED)
    content["app_id"] = "abc123std"
    at: Any = content
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    at[last] = value
    return content


PART = "data.item.conversation_parts.conversation_parts.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{PART}.created_at", "yesterday"),
        (f"{PART}.created_at", -1),
        (f"{PART}.created_at", 10**15),
        (f"{PART}.created_at", 10**400),
        (f"{PART}.id", None),
        (f"{PART}.id", "9" * 40),
        (f"{PART}.id", "a\x00b"),
        (f"{PART}.author", "Wanda"),
        (f"{PART}.assigned_to", 17),
        (f"{PART}.body", {"html": "x"}),
        ("data.item.conversation_parts", []),
        ("data.item.admin_assignee_id", {"id": 1}),
        ("data.item.admin_assignee_id", True),
        ("data.item.contacts", "nobody"),
        ("data.item.updated_at", [1]),
    ],
    ids=str,
)
def test_an_assignment_that_cannot_be_applied_is_kept_and_holds_the_ai(
    door: Door, path: str, value: Any
) -> None:
    number = str(830_000 + zlib.crc32(f"{path} {value!r:.30}".encode()) % 100_000)
    name = f"wrong {path} {value!r:.30}"
    content = wrong(path, value) | {"id": name}
    content["data"]["item"]["id"] = number
    answer = door.send(content)
    assert answer.status == 200
    delivery = door.delivery(name)
    assert delivery.state == "failed"
    assert delivery.error
    assert delivery.conversation == number
    (held,) = [row for row in door.it.table("conversations") if row.external_id == number]
    assert held.held_since is not None
    assert held.read_due is not None
    token = door.token()
    shown = door.ask("/deliveries?state=failed&limit=500", token)["items"]
    (mine,) = [one for one in shown if one["id"] == delivery.id]
    assert mine["error"] == delivery.error
    # Nothing is half applied: no fact, no session, no words of it.
    assert not [row for row in door.it.table("facts") if row.conversation_id == held.id]
    assert not [row for row in door.it.table("chat_sessions") if row.conversation_id == held.id]
