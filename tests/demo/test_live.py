"""`gateway demo` as a person starts it: a conversation runs, the token works, Ctrl-C ends all."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from gateway.demo.doors import Shopper
from gateway.demo.stage import SHOP_KEY
from tests.services.processes import is_alive, wait_until


@pytest.mark.slow(17)
def test_it_opens_with_a_running_conversation_and_stops_without_a_trace(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with out.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo"],
            cwd=Path(__file__).parents[2],
            env={**environ, "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        wait_until(
            lambda: "demo.log is what" in out.read_text() or process.poll() is not None,
            "the guide",
            within_s=60,
        )
        said = out.read_text()
        assert process.poll() is None, said

        addresses = re.findall(r"http://127\.0\.0\.1:\d+[\w/-]*", said)
        inbox, shop, console = addresses[:3]
        (api,) = {one for one in addresses if one.endswith("/api/v1")}
        for address in (inbox, shop, console):
            page = requests.get(address, timeout=10)
            assert page.headers["Content-Type"].startswith("text/html")

        match = re.search(r"token +(\S+)", said)
        assert match is not None
        headers = {"Authorization": f"Bearer {match[1]}"}
        (session,) = requests.get(f"{api}/sessions", headers=headers, timeout=10).json()["items"]
        history = requests.get(
            f"{api}/sessions/{session['id']}/messages", headers=headers, timeout=10
        ).json()["items"]
        assert [one["author"]["kind"] for one in history][:2] == ["customer", "ai"]

        # The call that the guide proposes.
        assert f"{api}/sessions/{session['id']}/handover" in said
        answer = requests.post(
            f"{api}/sessions/{session['id']}/handover", headers=headers, json={}, timeout=10
        )
        assert answer.json()["message"] == "Session set to operator"

        # A visitor of the shop wants a person: how to answer is printed as it happens.
        with Shopper(api.removesuffix("/api/v1"), SHOP_KEY) as shopper:
            shopper.begin()
            visited = shopper.write("Can I talk to a person?")
            wait_until(lambda: f"{visited}/hand_back" in out.read_text(), "the call for a person")
            printed = out.read_text().rpartition("A visitor of the shop")[2]
            answer_it = re.search(r"-d '(.*?)' .*?(http\S+/messages)", printed, re.DOTALL)
            assert answer_it is not None
            body, address = json.loads(answer_it[1]), answer_it[2]
            assert requests.post(address, headers=headers, json=body, timeout=10).ok
            wait_until(lambda: shopper.hears("Aoife here"), "Aoife's words in the widget")

        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    wait_until(lambda: not any(map(is_alive, family)), "the end of every process")
    assert not list(tmp_path.glob("gateway-demo-*"))
