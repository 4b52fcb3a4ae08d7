"""What `gateway doctor` says of a workspace: each trouble is seen, and told what to do about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from gateway.channels.base import Finding
from gateway.channels.intercom import findings, translate
from gateway.channels.intercom.client import IntercomPort
from gateway.channels.intercom.people import Seats
from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID, BOT_ADMIN_ID, SUPPORT_TEAM_ID
from tests.channels.intercom_client.stub import Behaviour, refuses, says, stub

BOT, AOIFE, SUPPORT = str(BOT_ADMIN_ID), str(AOIFE_ID), str(SUPPORT_TEAM_ID)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(mode="manual") as running:
        yield running


def found(
    standin: StandIn,
    *,
    bot: str = BOT,
    ai_teams: tuple[str, ...] = (),
    hand_over_to: str = f"team:{SUPPORT}",
    app_id: str = "abc123std",
    token: str = "standin-token",
    api_version: str = "2.14",
) -> list[Finding]:
    port = IntercomPort(access_token=token, api_version=api_version, base_url=standin.base_url)
    return findings.of_workspace(
        port, seats=Seats(bot, ai_teams), hand_over_to=hand_over_to, app_id=app_id
    )


def wrong(all_of_them: list[Finding]) -> list[Finding]:
    return [one for one in all_of_them if not one.ok]


def the_wrong_one(all_of_them: list[Finding]) -> Finding:
    (one,) = wrong(all_of_them)
    assert one.do, "a finding says what to do"
    return one


def test_good_workspace(standin: StandIn) -> None:
    seen = found(standin)
    assert wrong(seen) == []
    told = " / ".join(one.what for one in seen)
    for word in (
        "Acme (stand-in)",
        "abc123std",
        "2.14",
        "Sage (AI)",
        "Support",
        "searched",
        "clock",
    ):
        assert word in told


def test_topics_to_tick_are_told_and_are_all_translated(standin: StandIn) -> None:
    told = next(one for one in found(standin) if "topics" in one.what).do
    for topic in findings.TOPICS:
        assert topic in told
    assert set(findings.TOPICS) <= set(translate.TOPICS)


def test_bad_token_is_all_there_is_to_say(standin: StandIn) -> None:
    (one,) = found(standin, token="wrong-token")
    assert not one.ok
    assert "access_token" in one.do
    assert "wrong-token" not in one.what + one.do


def test_unknown_version(standin: StandIn) -> None:
    one = the_wrong_one(found(standin, api_version="9.99"))
    assert "api_version" in one.do


def test_intercom_out_of_reach(standin: StandIn) -> None:
    port = IntercomPort(access_token="t", base_url="http://127.0.0.1:1")
    (one,) = findings.of_workspace(port, seats=Seats(BOT), hand_over_to="", app_id="")
    assert not one.ok
    assert one.do


def test_workspace_of_another_name(standin: StandIn) -> None:
    assert 'app_id = "abc123std"' in the_wrong_one(found(standin, app_id="other")).do
    unset = found(standin, app_id="")
    assert wrong(unset) == []
    assert any('app_id = "abc123std"' in one.do for one in unset)


def test_bot_seat_that_is_not_there(standin: StandIn) -> None:
    one = the_wrong_one(found(standin, bot="999"))
    assert "999" in one.what
    assert f"Sage (AI) = {BOT}" in one.do


def test_bot_seat_that_owns_the_token_is_told_of(standin: StandIn) -> None:
    seen = found(standin, bot=AOIFE)  # the stand-in's /me is Aoife
    assert any("owns the access token" in one.what and one.do for one in seen)
    assert not any("owns the access token" in one.what for one in found(standin))


def test_bot_seat_that_is_away(standin: StandIn) -> None:
    standin.world.set_away(BOT, away=True, reassign=True)
    assert "reassigned" in the_wrong_one(found(standin)).what
    standin.world.set_away(BOT, away=True)
    assert "pass it by" in the_wrong_one(found(standin)).what
    standin.world.set_away(BOT, away=False)
    assert wrong(found(standin)) == []


def test_target_of_a_handover(standin: StandIn) -> None:
    for target in ("team:1", "admin:1", f"team:{AOIFE}", f"admin:{SUPPORT}"):
        assert target in the_wrong_one(found(standin, hand_over_to=target)).what
    for target in (f"admin:{AOIFE}", f"team:{SUPPORT}", ""):
        assert wrong(found(standin, hand_over_to=target)) == []


def test_teams_of_the_ai(standin: StandIn) -> None:
    assert "123" in the_wrong_one(found(standin, ai_teams=("123",))).what
    assert "hand_over_to" in the_wrong_one(found(standin, ai_teams=(SUPPORT,))).what


def test_workflow_that_gives_everything_to_a_team_is_seen(standin: StandIn) -> None:
    for number in range(6):
        started = standin.world.customer_starts(f"Question {number}").conversation
        assert started is not None
        standin.world.assign(started.id, f"team:{SUPPORT}")
    one = the_wrong_one(found(standin))
    assert f'ai_teams = ["{SUPPORT}"]' in one.do
    assert wrong(found(standin, ai_teams=(SUPPORT,), hand_over_to="")) == []


def test_fin_is_seen(standin: StandIn) -> None:
    started = standin.world.customer_starts("Hello").conversation
    assert started is not None
    standin.world.fin_writes(started.id, "I am Fin")
    assert "Fin" in the_wrong_one(found(standin)).do


def of_stub(*answers: Behaviour, **options: str) -> list[Finding]:
    with stub(*answers) as server:
        port = IntercomPort(access_token="t", base_url=server.url)
        given = {"hand_over_to": "", "app_id": "abc"} | options
        return findings.of_workspace(port, seats=Seats("1"), **given)


ME = {"type": "admin", "id": "2", "app": {"id_code": "abc", "name": "Acme", "region": "EU"}}
ADMINS = {"type": "admin.list", "admins": [{"id": "1", "name": "Sage"}, None]}
TEAMS = {"type": "team.list", "teams": []}
PAGE = {"type": "conversation.list", "conversations": []}


def test_missing_permissions_are_named_one_by_one() -> None:
    no = refuses(403, "forbidden")
    seen = of_stub(says(200, ME), no, no, no)
    assert [one.what.partition("(")[2].partition(")")[0] for one in wrong(seen)] == [
        "permission: read admins",
        "permission: read admins",
        "permission: read conversations",
    ]
    assert all("Developer Hub" in one.do for one in wrong(seen))


def test_seat_without_an_inbox() -> None:
    admins = {"admins": [{"id": 1, "name": "Sage", "has_inbox_seat": False}]}
    seen = of_stub(says(200, ME), says(200, admins), says(200, TEAMS), says(200, PAGE))
    assert "inbox seat" in the_wrong_one(seen).what


def test_clock_that_is_wrong() -> None:
    late = formatdate(time.time() - 90, usegmt=True)
    seen = of_stub(says(200, ME, date=late), says(200, ADMINS), says(200, TEAMS), says(200, PAGE))
    assert "ahead of" in the_wrong_one(seen).what


def test_me_without_a_workspace() -> None:
    me = {"type": "admin", "id": "2", "app": None}
    seen = of_stub(says(200, me), says(200, ADMINS), says(200, TEAMS), says(200, PAGE))
    assert "no workspace" in the_wrong_one(seen).what


def test_odd_lists_are_findings_not_failures() -> None:
    odd = says(200, {"conversations": "x"})
    seen = of_stub(says(200, ME), says(200, {"admins": 7}), says(200, {}), odd)
    assert len(wrong(seen)) == 2
