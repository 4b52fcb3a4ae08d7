"""The control doors: everything the Python API does, for another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID
from tests.intercom_standin.conftest import Receiver


@pytest.fixture
def door(standin: StandIn) -> Any:
    def call(path: str, body: Any = None) -> Any:
        url = f"{standin.base_url}/_standin/{path}"
        answer = requests.get(url, timeout=5) if body is None else None
        answer = answer if answer is not None else requests.post(url, json=body, timeout=5)
        return answer.json() | {"http": answer.status_code}

    return call


def test_a_story_told_through_the_doors(door: Any, standin: StandIn) -> None:
    started = door("customer/start", {"text": "Hello", "name": "Nora Quinn"})
    assert started["topics"] == ["contact.lead.created", "conversation.user.created"]
    here = {"conversation_id": started["conversation_id"]}
    door("assign", here | {"to": "bot", "by": AOIFE_ID})
    door("customer/reply", here | {"text": "A person please"})
    door("admin/note", here | {"by": 814860, "text": "wants a person"})
    door("assign", here | {"to": f"admin:{AOIFE_ID}", "by": AOIFE_ID})
    door("admin/reply", here | {"by": str(AOIFE_ID), "text": "Hi, Aoife here"})
    door("close", here | {"by": AOIFE_ID})
    state = door("state")
    (shown,) = state["conversations"]
    assert [one["part_type"] for one in shown["parts"]] == [
        "source",
        "assignment",
        "comment",
        "note",
        "assignment",
        "comment",
        "close",
    ]
    assert (shown["state"], shown["assignee"]) == ("closed", f"admin:{AOIFE_ID}")
    unchanged = door(f"state?since={state['revision']}")
    assert unchanged["unchanged"] is True
    rest = door(f"conversations/{here['conversation_id']}")
    assert rest["conversation_parts"]["total_count"] == 6
    assert len(standin.world.conversations) == 1


def test_errors_say_what_is_wrong(door: Any) -> None:
    assert door("customer/reply", {"conversation_id": "1", "text": "x"})["http"] == 404
    assert door("customer/reply", {"text": "x"})["http"] == 400
    assert door("customer/start", {"text": " "})["http"] == 400
    assert door("customer/start", {"text": "x", "shoe_size": 1})["http"] == 400
    assert door("faults", {"kind": "rain"})["http"] == 400
    assert door("notify_url", {"url": "ftp://x"})["http"] == 400


def test_a_form_from_another_page_is_refused(standin: StandIn) -> None:
    url = f"{standin.base_url}/_standin/customer/start"
    answer = requests.post(url, data={"text": "forged"}, timeout=5)
    assert answer.status_code == 415
    assert standin.world.conversations == {}


def test_faults_and_notifications(door: Any, standin: StandIn, receiver: Receiver) -> None:
    door("faults", {"kind": "duplicate", "where": "conversation.user.created"})
    assert door("faults")["items"][0]["kind"] == "duplicate"
    door("customer/start", {"text": "Hello"})
    pending = door("notifications")["pending"]
    assert [one["topic"] for one in pending] == [
        "contact.lead.created",
        "conversation.user.created",
        "conversation.user.created",
    ]
    assert [one["status"] for one in door("deliver", {})["items"]] == [200, 200, 200]
    assert len(receiver.got) == 3
    assert door("faults/clear", {})["http"] == 200
    assert door("ping", {})["status"] == 200
    assert door("head_check", {})["status"] == 200
    door("notifier", {"echo_before_return": True, "topics": ["conversation.deleted"]})
    assert standin.notifier.echo_before_return
    door("notify_url", {"url": None})
    assert standin.notifier.url is None
    assert door("requests")["items"] == []


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "intercom_standin", "--port", "0"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = line.split()[2]
            page = requests.get(address, timeout=5)
            assert page.status_code == 200
            assert "<title>Intercom stand-in</title>" in page.text
        finally:
            process.terminate()
    assert process.returncode == 0
