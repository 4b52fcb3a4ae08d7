"""What findings say, word for word: an operator acts on it at three in the morning."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.channels.intercom import health
from gateway.channels.intercom.people import Seats
from gateway.signs import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    Answers,
    Failing,
    Finding,
    Pass,
    Seat,
    Signs,
    Topic,
    Trouble,
    counted,
    lasting,
)
from gateway.watch import judging

NOW = 100 * DAY_US
ONE_TOPIC = {"conversation.user.created": Topic(first_at=NOW - 8 * DAY_US, last_at=NOW, count=500)}


def found(code: str, **known: Any) -> Finding:
    signs = Signs(channel="shop", now=NOW, address="https://gw/webhooks/shop", **known)
    every = judging.judge(signs, lambda signs: health.judge(signs, seats=Seats("7", ("88",))))
    (one,) = [finding for finding in every if finding.code == code]
    return one


def passed(**figures: Any) -> Pass:
    ended = NOW - MINUTE_US
    return Pass(**{"since": 0, "began_at": ended - 1, "ended_at": ended, **figures})


@pytest.mark.parametrize(
    ("code", "known", "what"),
    [
        (
            "errors",
            {"in_a_row": Answers(failed=988, late=1), "reconcile_every_s": 600},
            "989 notifications in a row got an error in the last 15 min (988 × 5xx, 1 × over "
            "5 s), and none was answered well: 11 more and Intercom pauses for 15 min and "
            "drops what happens meanwhile",
        ),
        (
            "errors",
            {"in_a_row": Answers(refused=1000), "reconcile_every_s": 600},
            "1,000 notifications in a row got an error in the last 15 min (1,000 × 401), and "
            "none was answered well: Intercom has paused, and drops what happens for 15 min at a "
            "time; reconciling fetches what is lost",
        ),
        (
            "errors",
            {"in_a_row": Answers(unreadable=2000)},
            "2,000 notifications in a row got an error in the last 15 min (2,000 × 4xx), and "
            "none was answered well: Intercom has paused, and drops what happens for 15 min at a "
            "time; what is lost stays unknown while reconcile_every_s is 0",
        ),
        (
            "suspended",
            {"failing": Failing(since=NOW - 51 * HOUR_US, last_at=NOW, errors=1234)},
            "for 2 d 3 h every notification has got an error (1,234 errors); Intercom suspends "
            "them after 7 days: 4 d 21 h left",
        ),
        (
            "slow_answers",
            {"last_hour": Answers(in_time=40, late=1, longest_us=6_240_000)},
            "1 notification in the last hour took us over 5 s to answer (the slowest took 6.2 s): "
            "Intercom counts that as an error, sends it once more and then drops it",
        ),
        (
            "topics",
            {"topics": ONE_TOPIC},
            "conversation.user.replied never came, among 500 notifications; "
            "conversation.admin.replied never came, among 500 notifications; "
            "conversation.admin.assigned never came, among 500 notifications; "
            "conversation.admin.open.assigned never came, among 500 notifications; "
            "conversation.admin.closed never came, among 500 notifications",
        ),
        (
            "token",
            {"trouble": Trouble(message="Forbidden", status=403, since=NOW - HOUR_US)},
            "a permission is missing, for 1 h now (Forbidden)",
        ),
        (
            "bot_removed",
            {"seat": Seat(id="7", listed=False)},
            "the AI's seat (7) is no teammate of the workspace any more: nothing can be said or "
            "assigned as the AI",
        ),
        (
            "bot_away",
            {"seat": Seat(id="7", name="Sage", away=True)},
            "Sage is away, so Intercom's assignment rules pass it by",
        ),
        (
            "clock",
            {"skew_s": -7.4},
            "this machine's clock is 7 s behind Intercom's: beyond 5 s our own messages may be "
            "taken for somebody else's",
        ),
        (
            "workflow",
            {"passes": [passed(marks={"new": 5, "new:bot": 3, "new:ai": 2})]},
            "3 of 5 new conversations stand with Fin or another bot, where the AI keeps silent: "
            "a workflow or an assignment rule takes them",
        ),
        (
            "reconcile_overdue",
            {"reconcile_every_s": 600, "known_since": NOW - DAY_US},
            "the last look at what changed has never ended in 1 d, one is due every 10 min: "
            "notifications that are lost meanwhile stay unknown",
        ),
        (
            "drift",
            {"passes": [passed(found=20, repaired=3, drift={"message": 2, "note": 1})]},
            "of 20 conversations that had changed, 3 were not as notifications had told and have "
            "been repaired (missing: 2 message, 1 note)",
        ),
    ],
)
def test_what_is_wrong_is_said(code: str, known: dict[str, Any], what: str) -> None:
    finding = found(code, **known)
    assert (finding.ok, finding.what) == (False, what)
    assert finding.do


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("errors", {"in_a_row": Answers(failed=99)}),
        ("suspended", {"failing": Failing(since=NOW - 9 * DAY_US, last_at=NOW, errors=9)}),
        ("suspended", {"failing": Failing(since=NOW - HOUR_US, last_at=NOW, errors=900)}),
        ("slow_answers", {"last_hour": Answers(in_time=18, slow=1)}),
        ("slow_answers", {"last_hour": Answers(in_time=96, slow=4)}),
        ("unreachable", {"trouble": Trouble(message="x", status=None, since=NOW - MINUTE_US)}),
        ("clock", {"skew_s": 4.9}),
        ("workflow", {"passes": [passed(marks={"new": 6, "new:team:88": 6})]}),
        ("workflow", {"passes": [passed(marks={"new": 6, "new:team:99": 3})]}),
        ("workflow", {"passes": [passed(marks={"new": 6, "new:operator": 6})]}),
        ("fin", {"passes": [passed()]}),
        ("reconcile_overdue", {"reconcile_every_s": 0, "known_since": 0}),
        ("reconcile_overdue", {"reconcile_every_s": 600, "known_since": NOW - 29 * MINUTE_US}),
        (
            "reconcile_overdue",  # much to read after a long absence, and it goes on
            {
                "reconcile_every_s": 600,
                "known_since": NOW - DAY_US,
                "running": Pass(since=0, began_at=NOW - 80 * MINUTE_US, ended_at=None),
            },
        ),
        ("drift", {"passes": [passed(found=100, repaired=10)]}),
        ("drift", {"passes": [passed(found=2, repaired=2)]}),
    ],
)
def test_what_is_no_alarm(code: str, known: dict[str, Any]) -> None:
    assert found(code, **known).ok


def test_few_new_conversations_show_no_habit() -> None:
    signs = Signs(
        channel="shop", now=NOW, address="", passes=[passed(marks={"new": 4, "new:team:1": 4})]
    )
    codes = [finding.code for finding in health.judge(signs, seats=Seats("7"))]
    assert "workflow" not in codes


def test_remedies_follow_the_errors() -> None:
    def remedy(**errors: int) -> str:
        return found("errors", in_a_row=Answers(**errors)).do

    assert "client_secret" in remedy(refused=150, failed=10)
    assert "proxy" in remedy(unreadable=150)
    assert "its disk has room" in remedy(failed=150, refused=10)
    assert "CPU" in remedy(late=150)


def test_numbers_and_times_are_said_as_people_say_them() -> None:
    spans = [40, 100, 150, 3600, 11_400, 90_000, 172_800 + 14_400]
    assert [lasting(span * 1_000_000) for span in spans] == [
        "40 s", "100 s", "2 min", "1 h", "3 h 10 min", "1 d 1 h", "2 d 4 h",
    ]  # fmt: skip
    assert [counted(1, "box", "boxes"), counted(1200, "box", "boxes")] == ["1 box", "1,200 boxes"]
