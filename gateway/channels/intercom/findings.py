"""What `gateway doctor` can see of an Intercom workspace, and what to do about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gateway.channels.intercom import health
from gateway.channels.intercom.client import IntercomPort
from gateway.channels.intercom.people import Seats
from gateway.channels.intercom.topics import TOPICS
from gateway.errors import GatewayError
from gateway.signs import Finding

__all__ = ["TOPICS", "of_workspace"]

Json = dict[str, Any]

LOOK_BACK_S = 7 * 86_400
# Fewer recent conversations than this show no habit.
HABIT_MIN = 5


def of_workspace(
    port: IntercomPort, *, seats: Seats, hand_over_to: str, app_id: str
) -> list[Finding]:
    """Ask Intercom and judge; never raises for what Intercom answers."""
    try:
        me = port.me()
    except GatewayError as error:
        return [_refused("the access token", error)]
    found = list(_of_token(me, port, app_id))
    if port.clock_skew_s is not None:
        found.append(health.of_skew(port.clock_skew_s))
    try:
        found += _of_people(port.admins(), me, seats, hand_over_to)
    except GatewayError as error:
        found.append(_refused("the teammates (permission: read admins)", error))
    try:
        found += _of_teams(port.teams(), seats, hand_over_to)
    except GatewayError as error:
        found.append(_refused("the teams (permission: read admins)", error))
    try:
        since = int(time.time()) - LOOK_BACK_S
        page = port.search_conversations(updated_since=since, per_page=50)
    except GatewayError as error:
        found.append(_refused("conversations (permission: read conversations)", error))
    else:
        found += _of_recent(page, seats)
    found.append(
        Finding(
            ok=True,
            what="webhook topics and the write permission cannot be read from here",
            do="in the Developer Hub tick read and write conversations, and these topics: "
            + ", ".join(TOPICS),
        )
    )
    return found


def _of_token(me: Json, port: IntercomPort, app_id: str) -> Iterator[Finding]:
    app = _object(me.get("app"))
    code, name = app.get("id_code"), app.get("name")
    yield Finding(
        ok=True,
        code="token",
        what=f"the access token opens {name or 'a workspace'} ({code or 'no id_code told'}), "
        f"Intercom-Version {port.api_version} is accepted",
    )
    if not isinstance(code, str) or not code:
        yield Finding(ok=False, what="/me names no workspace", do="use a token of an Intercom app")
    elif not app_id:
        yield Finding(
            ok=True,
            what="app_id is not set, so the first signed notification decides the workspace",
            do=f'set app_id = "{code}"',
        )
    elif app_id != code:
        yield Finding(
            ok=False,
            code="workspace",
            what=f"the token belongs to workspace {code}, the settings say {app_id}: "
            "its notifications would be kept as foreign",
            do=f'set app_id = "{code}", or use a token of {app_id}',
        )
    else:
        yield Finding(ok=True, code="workspace", what=f"app_id is the token's workspace, {code}")
    region = str(app.get("region") or "").lower()
    if region in ("us", "eu", "au") and port.region and port.region != region:
        yield Finding(
            ok=False,
            what=f"the workspace lives in {region}, requests go to {port.region}",
            do=f'set region = "{region}"',
        )


def _of_people(admins: list[Json], me: Json, seats: Seats, hand_over_to: str) -> Iterator[Finding]:
    by_id = {str(admin.get("id")): admin for admin in admins}
    bot = by_id.get(seats.bot)
    if bot is None:
        yield Finding(
            ok=False,
            code="bot_removed",
            what=f"bot_admin_id {seats.bot} is no teammate of this workspace",
            do=f"set it to a seat that only the AI uses; there are: {_named(by_id)}",
        )
    else:
        yield from _of_bot_seat(bot, me, seats)
    kind, _, id_ = hand_over_to.partition(":")
    if kind == "admin":
        yield _target(hand_over_to, by_id.get(id_))
    elif not hand_over_to:
        yield Finding(ok=True, what="a handover leaves the conversation unassigned (hand_over_to)")


def _of_bot_seat(bot: Json, me: Json, seats: Seats) -> Iterator[Finding]:
    name = bot.get("name") or seats.bot
    yield Finding(ok=True, code="bot_removed", what=f"the AI answers as {name}")
    if str(me.get("id")) == seats.bot:
        yield Finding(
            ok=True,
            what=f"{name} also owns the access token",
            do=f"make sure that no person works as {name}: whatever that seat does is the AI's",
        )
    if bot.get("has_inbox_seat") is False:
        yield Finding(
            ok=False,
            what=f"{name} has no inbox seat, so conversations may not be assignable to it",
            do="give it an inbox seat in Settings > Teammates",
        )
    if bot.get("away_mode_enabled") is True:
        yield health.away(name, reassigns=bot.get("away_mode_reassign") is True)


def _of_teams(teams: list[Json], seats: Seats, hand_over_to: str) -> Iterator[Finding]:
    by_id = {str(team.get("id")): team for team in teams}
    kind, _, team = hand_over_to.partition(":")
    if kind == "team":
        yield _target(hand_over_to, by_id.get(team))
        if team in seats.ai_teams:
            yield Finding(
                ok=False,
                what="hand_over_to is a team that the AI answers for: a handover would come back",
                do="take it out of ai_teams, or hand over to another team",
            )
    for id_ in sorted(seats.ai_teams):
        if id_ not in by_id:
            yield Finding(
                ok=False,
                what=f"ai_teams names {id_}, which is no team of this workspace",
                do=f"teams are: {_named(by_id)}",
            )


def _target(setting: str, found: Json | None) -> Finding:
    if found is not None:
        return Finding(ok=True, what=f"a handover assigns {found.get('name') or setting}")
    return Finding(
        ok=False,
        what=f'hand_over_to = "{setting}" is not in this workspace',
        do='set it to "team:ID" or "admin:ID" of this workspace, or leave it out',
    )


def _of_recent(page: Json, seats: Seats) -> Iterator[Finding]:
    yield Finding(ok=True, what="conversations can be searched")
    listed = page.get("conversations")
    recent = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if any(one.get("ai_agent_participated") is True for one in recent):
        yield Finding(
            ok=False,
            code="fin",
            what="Fin took part in recent conversations, so customers may hear two AIs",
            do="turn Fin off for the conversations that this AI answers",
        )
    held = Counter(
        str(one.get("team_assignee_id"))
        for one in recent
        if one.get("team_assignee_id") and not one.get("admin_assignee_id")
    )
    for team, count in held.most_common(1):
        # A workflow that gives every new conversation to a team keeps the AI silent.
        if team not in seats.ai_teams and count >= HABIT_MIN and count * 2 > len(recent):
            yield health.taken(count, len(recent), team)


def _refused(what: str, error: GatewayError) -> Finding:
    code = "token" if error.details.get("status") in (401, 403) else "unreachable"
    return Finding(ok=False, code=code, what=f"{what}: {error.message}", do=_advice(error))


def _advice(error: GatewayError) -> str:
    codes = error.details.get("codes") or ()
    if "intercom_version_invalid" in codes:
        return "set api_version to a version that Intercom knows"
    status = error.details.get("status")
    if status == 401:
        return "put a valid token into access_token (Developer Hub > your app > Authentication)"
    if status == 403:
        return "tick the permission in the Developer Hub and save; then check again"
    return "try again; if it stays, see whether this machine reaches Intercom's API"


def _named(by_id: dict[str, Json]) -> str:
    return (
        ", ".join(f"{one.get('name')} = {id_}" for id_, one in list(by_id.items())[:20]) or "none"
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
