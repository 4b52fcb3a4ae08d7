"""Every finding: provoked, seen in doctor, at the API, in the metrics, by e-mail and by webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from gateway.channels.intercom import health
from gateway.errors import Unavailable
from gateway.signs import HOUR_US, MINUTE_US
from gateway.watch import judging
from tests.rig import AOIFE, BOT, CHANNEL
from tests.watch.watcher import Watcher, moment

# `paused` is for workspaces of a public app alone: tests/installing.
CODES = tuple(code for code in (*health.CODES, *judging.CODES) if code != "paused")
WEEK_US = 7 * 24 * HOUR_US


def workspace(it: Watcher) -> str:
    it.meet()
    it.rig.world.app_id = "other456x"
    it.ask()
    return "the access token opens workspace other456x"


def token(it: Watcher) -> str:
    it.meet()
    it.rig.standin.gate.token = "another one"
    it.ask()
    return "Intercom refuses the access token"


def unreachable(it: Watcher) -> str:
    it.meet()
    it.rig.standin.stop()
    it.ago(minutes=20)
    it.ask()
    it.ago()
    it.ask()
    return "Intercom's API has not answered as it should for"


def silent(it: Watcher) -> str:
    """Four weeks of a notification every two minutes, and none for the last two hours."""
    now = it.now
    it.ago(days=29)
    it.meet()
    it.ago()
    it.came(range(now - 4 * WEEK_US, now - 2 * HOUR_US, 2 * MINUTE_US))
    return "no notification for 2 h"


def topics(it: Watcher) -> str:
    it.rig.standin.notifier.topics = {"conversation.user.created", "conversation.admin.replied"}
    it.ago(minutes=10)
    conversation = it.meet()
    for _ in range(3):
        it.rig.world.assign(conversation, "team:5017690", by=AOIFE)
    it.rig.hear()
    it.ago()
    it.passed(found=10, repaired=1, drift={"assigned": 3})
    return "conversation.admin.assigned never came, although reading found 3 of its kind"


def errors(it: Watcher) -> str:
    it.meet()
    it.ago(minutes=5)
    assert it.post(120, secret="no longer the secret") == 401
    return "120 notifications in a row got an error in the last 15 min (120 × 401)"


def suspended(it: Watcher) -> str:
    it.meet()
    for day in range(8, -1, -1):
        it.ago(days=day, minutes=1)
        assert it.post(3, raising=Unavailable("the database is away")) == 503
        it.look()
    return "by its rule of 7 days Intercom has suspended them"


def slow_answers(it: Watcher) -> str:
    it.meet()
    it.ago(minutes=20)
    it.post(30)
    assert it.post(4, seconds=0.8) == 200
    return "4 of 34 notifications in the last hour took us over 500 ms to answer"


def clock(it: Watcher) -> str:
    it.meet()
    server: Any = it.rig.standin._server

    class OfYesterday(server.RequestHandlerClass):  # type: ignore[misc, name-defined]
        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Tue, 06 Jan 2026 12:00:00 GMT"

    server.RequestHandlerClass = OfYesterday
    it.ask()
    return "s ahead of Intercom's"


def bot_removed(it: Watcher) -> str:
    it.meet()
    it.ask()
    del it.rig.world.admins[int(BOT)]
    it.ask()
    return "Sage (AI) is no teammate of the workspace any more"


def bot_away(it: Watcher) -> str:
    it.meet()
    it.rig.world.set_away(BOT, away=True, reassign=True)
    it.ask()
    return "Sage (AI) is away, and its replies are reassigned"


def fin(it: Watcher) -> str:
    it.rig.world.fin_writes(it.meet(), "Hello, I am Fin")
    it.passed(found=9, marks={"new": 4, "fin": 2})
    return "Fin took part in 2 conversations that changed in the last day"


def workflow(it: Watcher) -> str:
    for _ in range(6):
        it.rig.world.assign(it.meet(), "team:5017690", by="fin")
    it.passed(found=9, marks={"new": 6, "new:team:5017690": 5, "new:ai": 1})
    return "5 of 6 new conversations stand with team 5017690 without a teammate"


def reconcile_overdue(it: Watcher) -> str:
    it.ago(hours=3)
    it.meet()
    it.ago()
    it.passed(ago_s=3000)
    it.passed(ago_s=2400, ended=False, trouble="the token was refused")
    return "min ago, one is due every 10 min; the one that runs stopped at: the token was refused"


def drift(it: Watcher) -> str:
    it.meet()
    it.passed(found=100, repaired=15, drift={"message": 9, "assigned": 6})
    return "of 100 conversations that had changed, 15 were not as notifications had told"


def failed_deliveries(it: Watcher) -> str:
    _break_a_notification(it)
    return "1 notification could not be applied and waits for a replay"


def held(it: Watcher) -> str:
    it.ago(minutes=25)
    it.rig.standin.faults.add("server_error", count=None)
    _break_a_notification(it)
    for _ in range(3):
        for conversation in it.rig.bench.works["sync"].due(5):
            it.rig.bench.works["sync"].do(conversation)
        it.rig.advance(60)
    it.ago()
    return "the AI is held back in 1 conversation, the longest for 2"


def _break_a_notification(it: Watcher) -> None:
    """A shape that nobody has seen, about a conversation that there is."""
    conversation = it.meet()
    it.rig.world.customer_replies(conversation, "Are you there?")
    (notification,) = it.rig.standin.notifier.take()
    notification.item["conversation_parts"] = "nonsense"
    assert it.rig.standin.notifier.deliver(notification).status == 200


PROVOCATIONS: dict[str, Callable[[Watcher], str]] = {
    provoke.__name__: provoke
    for provoke in (
        workspace, token, unreachable, silent, topics, errors, suspended, slow_answers, clock,
        bot_removed, bot_away, fin, workflow, reconcile_overdue, drift, failed_deliveries, held,
    )
}  # fmt: skip


def test_every_finding_is_provoked_here() -> None:
    assert list(PROVOCATIONS) == list(dict.fromkeys(CODES))


@pytest.mark.parametrize("code", PROVOCATIONS)
def test_a_finding_is_seen_everywhere(
    it: Watcher, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.ago()
    words = PROVOCATIONS[code](it)
    it.look_until_now()

    # At the API: what, what to do, since when; and as an alert that stands.
    finding = it.findings()[code]
    assert not finding["ok"], finding
    assert words in finding["what"]
    assert finding["do"]
    assert finding["since"] <= moment(it.now)
    assert it.health()["healthy"] is False
    assert words in it.alerts()[code]["what"]
    listed = it.rig.api("GET", "/channels", it.token).json()["items"][0]
    assert (listed["name"], listed["healthy"]) == (CHANNEL, False)

    # By e-mail and by webhook, once.
    assert words in it.mailed()
    posted = [one for one in it.posted() if one["alert"]["code"] == code]
    assert [one["type"] for one in posted if one["type"] != "alert.reminded"] == ["alert.raised"]
    assert len(posted) == 1 or code == "suspended"  # that takes days
    assert words in posted[-1]["alert"]["what"]
    assert posted[0]["alert"]["channel"] == CHANNEL

    # In the metrics.
    metrics = requests.get(f"{it.rig.url}/metrics", timeout=10).text
    assert f'gateway_findings{{channel="{CHANNEL}",code="{code}"}} 1.0' in metrics

    # In doctor, each code once among what is wrong: what is seen now or what was seen last.
    told = it.doctor(monkeypatch, reconcile_every_s=600)
    wrong = [one for one in told if one["code"] == code and not one["ok"]]
    assert wrong, told
    assert all(one["do"] for one in wrong)


@pytest.mark.parametrize("times", [0, 1, 50])
def test_all_is_well(it: Watcher, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    it.ago(minutes=10)
    for _ in range(min(times, 3)):
        it.meet()
    if times:
        it.post(times)
        it.passed(ago_s=60, found=20, repaired=1, marks={"new": 5, "new:ai": 5})
        it.ask()
    it.look_until_now()
    assert it.wrong() == {}
    assert it.health()["healthy"] is True
    assert it.alerts() == {}
    assert (it.mails.taken, it.posts.got) == ([], [])
    assert [one for one in it.doctor(monkeypatch) if not one["ok"]] == []
    if times:
        assert set(it.findings()) == set(CODES)
