"""Telling a crowd, under gevent as the web process runs it: others are served in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TELLING = """
from gevent import monkey
monkey.patch_all()

import socket
from types import SimpleNamespace
import gevent
from gateway.feed import Bell
from gateway.streams.hub import Hub
from gateway.streams.stream import Stream, Wanted

CROWD = 320
hub = Hub(None, None, Bell(None))
told = []
for number in range(CROWD):
    stream = Stream(Wanted())
    hub._streams.setdefault(None, set()).add(stream)
    def read(frames=iter(stream)):
        for frame in frames:
            told.append(frame)
    gevent.spawn(read)
gevent.sleep(0.01)
told.clear()

# Somebody who waits for the network again and again, as a webhook does.
here, there = socket.socketpair()
hops = [0]
def hop(sock):
    while sock.recv(1):
        hops[0] += 1
        sock.sendall(b".")
gevent.spawn(hop, there)
gevent.spawn(hop, here)
here.sendall(b".")
gevent.sleep(0)
hops[0] = 0
hub._distribute(SimpleNamespace(place=1, kind="message.created", session_id=None), b"words")
beside = hops[0]
while len(told) < CROWD:
    gevent.sleep(0.001)
print(len(told), beside)
"""


def test_the_network_is_looked_at_while_a_crowd_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLING], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told, beside = map(int, done.stdout.split())
    assert told == 320
    # Once for each pause; it is more often where a pause is long.
    assert beside >= 320 // 16
