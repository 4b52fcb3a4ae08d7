"""What Intercom says when it is asked: whose token it is, whether it holds, what time it is."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.signs import MINUTE_US, Finding, Signs, lasting

_UNREACHABLE_US = 10 * MINUTE_US
# Echoes of our own messages are recognised by their time, this many seconds either way; the
# header that tells Intercom's time has whole seconds.
SKEW_MAX_S = 5.0


def of_workspace(signs: Signs) -> Iterator[Finding]:
    if not signs.token_of or not signs.pinned:
        return
    if signs.token_of == signs.pinned:
        what = f"notifications and access token are of the same workspace, {signs.pinned}"
        yield Finding(ok=True, code="workspace", what=what)
        return
    yield Finding(
        ok=False,
        code="workspace",
        what=f"the access token opens workspace {signs.token_of}, notifications are taken from "
        f"{signs.pinned}: what the AI says goes to the wrong place",
        do=f"use a token of {signs.pinned}, or set app_id and the webhook to {signs.token_of}",
    )


def of_trouble(signs: Signs) -> Iterator[Finding]:
    trouble = signs.trouble
    refused = trouble is not None and trouble.status in (401, 403)
    lasts = lasting(signs.now - trouble.since) if trouble is not None else ""
    if trouble is None or not refused:
        yield Finding(ok=True, code="token", what="Intercom has not refused the access token")
    else:
        yield Finding(
            ok=False,
            code="token",
            since=trouble.since,
            what=f"Intercom refuses the access token, for {lasts} now ({trouble.message}): "
            "nothing can be sent"
            if trouble.status == 401
            else f"a permission is missing, for {lasts} now ({trouble.message})",
            do="put a valid token into access_token (Developer Hub > your app > Authentication) "
            "and restart"
            if trouble.status == 401
            else "tick the permission in the Developer Hub and save",
        )
    if trouble is None or refused or signs.now - trouble.since < _UNREACHABLE_US:
        yield Finding(ok=True, code="unreachable", what="Intercom's API can be reached")
    else:
        yield Finding(
            ok=False,
            code="unreachable",
            since=trouble.since,
            what=f"Intercom's API has not answered as it should for {lasts}: {trouble.message}",
            do="see https://www.intercomstatus.com, and whether this machine reaches the API "
            "(base_url, region, HTTPS_PROXY)",
        )


def of_skew(skew_s: float) -> Finding:
    """Judge a difference of clocks; ours is ahead if it is above 0."""
    if abs(skew_s) <= SKEW_MAX_S:
        return Finding(ok=True, code="clock", what="this machine's clock agrees with Intercom's")
    return Finding(
        ok=False,
        code="clock",
        what=f"this machine's clock is {abs(skew_s):.0f} s "
        f"{'ahead of' if skew_s > 0 else 'behind'} Intercom's: beyond {SKEW_MAX_S:.0f} s our own "
        "messages may be taken for somebody else's",
        do="set it by NTP (timedatectl set-ntp true)",
    )
