"""Two processes' worth of ports, hammering a stand-in with a small limit through one budget."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import wiring
from gateway.channels.intercom import ALLOWANCE
from gateway.channels.intercom.client import IntercomPort
from gateway.config import HttpAgentSettings, IntercomSettings, Settings
from gateway.errors import Again
from gateway.quota import Quota
from gateway.wake import patient_redis
from gateway.wiring import build
from intercom_standin import StandIn
from intercom_standin.cast import BOT_ADMIN_ID
from tests.quota.opened import opened

LIMIT = 80


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(mode="manual", rate_limit=LIMIT) as running:
        yield running


@contextmanager
def ports(standin: StandIn, url: str) -> Iterator[list[IntercomPort]]:
    """Two ports with connections, memory and quotas of their own: nothing shared but Redis."""
    made = [
        IntercomPort(
            access_token=standin.token,
            base_url=standin.base_url,
            quota=Quota(opened(patient_redis(url)), "acme", allowance=ALLOWANCE),
        )
        for _ in range(2)
    ]
    try:
        yield made
    finally:
        for port in made:
            port.shut()


@pytest.fixture
def conversation(standin: StandIn) -> str:
    started = standin.world.customer_starts("Where is it?", name="Ada", email="ada@x.example")
    assert started.conversation is not None
    return started.conversation.id


def hammer(call: Callable[[], Any], enough: Callable[[Counter[str]], bool]) -> Counter[str]:
    """Call without a pause, whatever a refusal says, until it is enough; count what came of it."""
    done: Counter[str] = Counter()
    until = time.monotonic() + 10
    while not enough(done) and time.monotonic() < until:
        try:
            call()
        except Again as again:
            done["by Intercom" if "status" in again.details else "by us"] += 1
            time.sleep(0.002)
        else:
            done["answered"] += 1
    return done


def test_the_channel_never_refuses(standin: StandIn, valkey_url: str, conversation: str) -> None:
    with ports(standin, valkey_url) as made, ThreadPoolExecutor(8) as pool:
        made[0].me()  # learns the limit, for both
        calls = [call for port in made for call in _calls(port, conversation)]
        hammering = [pool.submit(hammer, call, lambda done: done["by us"] >= 50) for call in calls]
        came: Counter[str] = Counter()
        for future in hammering:
            came += future.result()
    assert came["by Intercom"] == 0
    assert came["by us"] > 0
    assert came["answered"] >= 0.9 * LIMIT
    assert all(call.status == 200 for call in standin.requests)


def test_words_find_room_while_background_is_refused(
    standin: StandIn, valkey_url: str, conversation: str
) -> None:
    spoken = 25  # under 35 % of the limit
    refused, spoke = threading.Event(), threading.Event()

    def enough(done: Counter[str]) -> bool:
        if done["by us"]:
            refused.set()
        return spoke.is_set()

    with ports(standin, valkey_url) as made, ThreadPoolExecutor(4) as pool:
        made[0].me()
        background = [pool.submit(hammer, port.me, enough) for port in made for _ in range(2)]
        assert refused.wait(10)
        try:
            for number in range(spoken):  # each raises Again if it would have to wait
                made[number % 2].reply(conversation, admin=str(BOT_ADMIN_ID), html="<p>Hello</p>")
        finally:
            spoke.set()
        came: Counter[str] = Counter()
        for future in background:
            came += future.result()
    assert came["by Intercom"] == 0
    assert came["by us"] > 0
    said = [call for call in standin.requests if call.kind == "reply"]
    assert [call.status for call in said] == [200] * spoken


def _calls(port: IntercomPort, conversation: str) -> list[Callable[[], object]]:
    return [
        port.me,
        lambda: port.conversation(conversation, background=True),
        lambda: port.conversation(conversation),
        lambda: port.conversation(conversation),
    ]


def test_what_is_wired_shares_one_budget(
    standin: StandIn, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine that is slow for a moment must not leave each alone with its budget.
    monkeypatch.setattr(wiring, "impatient_redis", lambda url: opened(patient_redis(url)))
    settings = Settings(
        agents={
            "support": HttpAgentSettings(
                name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0"
            )
        },
        channels={
            "acme": IntercomSettings(
                name="acme",
                agent="support",
                access_token=standin.token,
                client_secret=(standin.client_secret,),
                bot_admin_id=str(BOT_ADMIN_ID),
                base_url=standin.base_url,
            )
        },
        database_url=f"sqlite:///{tmp_path / 'gateway.db'}",
        redis_url=valkey_url,
        secret_key="test",
        data_dir=tmp_path,
    )
    one, two = build(settings), build(settings)
    try:
        first, second = (parts.channels["acme"].open_sender() for parts in (one, two))
        hammer(first.installation, lambda done: done["by us"] > 0)
        with pytest.raises(Again):
            second.installation()
    finally:
        one.database.dispose()
        two.database.dispose()
    assert len(standin.requests) == 0.6 * LIMIT
