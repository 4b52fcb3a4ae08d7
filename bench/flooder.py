"""The flood: a process that sends as much as it can, for so many seconds and no longer.

`python -m bench.flooder KIND HOST PORT SECONDS CONNECTIONS SEED`: it says `ready`, waits for a
line, floods, and says as JSON what it was answered. It knows no address but the one it is given.
Most kinds send the next request when one is answered. One that hangs up waits for nobody: each
request comes on a connection of its own, which is closed after a moment, answered or not.
"""

from __future__ import annotations

import itertools
import json
import select
import sys
import time
import urllib.request
from collections.abc import Iterator

from bench.load import Connection, Run, closed_loop
from bench.traffic import CHANNEL, PATH, Traffic

KINDS = ("unsigned", "forged", "workspace", "visitor", "hanging up")
OTHER = "other-intercom"
SHOP, SHOP_KEY, SHOP_ORIGIN = "shop", "shop-key", "http://shop.example"
# What another workspace sends in a second at most; more is made than it can get rid of.
_A_SECOND = 2_000
_MOST = 40_000
# After so long an answer is waited for no longer by a flood that hangs up.
_HANGS_UP_S = 0.05
_HUNG_UP = 0
# It comes from elsewhere than the others. Linux has all of 127.0.0.0/8.
_ELSEWHERE = ("127.0.0.2" if sys.platform == "linux" else "", 0)


def requests(kind: str, address: tuple[str, int], seconds: float, seed: int) -> Iterator[bytes]:
    """What a flood of this kind sends, without an end or for long enough."""
    if kind == "visitor":
        return _of_a_visitor(address)
    if kind == "workspace":
        posted = Traffic(seed).post(min(int(_A_SECOND * seconds), _MOST))
        there = f"/webhooks/{OTHER}".encode()
        return iter([one.request.replace(PATH.encode(), there, 1) for one in posted])
    signature = f"X-Hub-Signature: sha1={'0' * 40}\r\n" if kind == "forged" else ""
    body = b'{"topic": "conversation.user.replied", "x": "' + b"x" * 4_000 + b'"}'
    head = (
        f"POST /webhooks/{CHANNEL} HTTP/1.1\r\nHost: 127.0.0.1\r\n{signature}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return itertools.repeat(head.encode() + body)


def _of_a_visitor(address: tuple[str, int]) -> Iterator[bytes]:
    told = json.dumps({"key": SHOP_KEY}).encode()
    headers = {"Content-Type": "application/json", "Origin": SHOP_ORIGIN}
    door = f"http://{address[0]}:{address[1]}/widget/v1/sessions"
    with urllib.request.urlopen(urllib.request.Request(door, told, headers), timeout=30) as answer:
        token = json.load(answer)["visitor_token"]
    for number in itertools.count():
        body = json.dumps({"client_id": f"m-{number}", "text": "Is anybody there?"}).encode()
        head = (
            f"POST /widget/v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {SHOP_ORIGIN}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def hang_up(
    address: tuple[str, int], requests: Iterator[bytes], *, connections: int, seconds: float
) -> Run:
    """Send each request on a connection of its own, and wait for nobody.

    Of those that were not answered in time the status is 0.
    """
    run = Run()
    began = time.perf_counter()
    ends = began + seconds
    busy: list[Connection] = []
    while (now := time.perf_counter()) < ends:
        while len(busy) < connections:
            connection = Connection(address, _ELSEWHERE)
            connection.send(next(requests), now)
            busy.append(connection)
        answered = set(select.select(busy, (), (), _HANGS_UP_S / 4)[0])
        now = time.perf_counter()
        left = []
        for connection in busy:
            status = _status(connection) if connection in answered else None
            if status is None and now - connection.meant_at < _HANGS_UP_S:
                left.append(connection)
                continue
            run.statuses[_HUNG_UP if status is None else status] += 1
            connection.close()
        busy = left
    for connection in busy:
        connection.close()
    run.seconds = time.perf_counter() - began
    return run


def _status(connection: Connection) -> int | None:
    try:
        return connection.receive()
    except ConnectionError:
        return _HUNG_UP


def main(kind: str, host: str, port: str, seconds: str, connections: str, seed: str) -> None:
    """Flood when told to."""
    address = (host, int(port))
    sent = requests(kind, address, float(seconds), int(seed))
    first = next(sent)
    print("ready", flush=True)
    sys.stdin.readline()
    flood = hang_up if kind == "hanging up" else closed_loop
    run = flood(
        address, itertools.chain([first], sent), connections=int(connections),
        seconds=float(seconds),
    )  # fmt: skip
    print(json.dumps({"statuses": dict(run.statuses), "seconds": run.seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
