"""Forked children: each begins as a new process would, and never goes on as its parent."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.forking import can_fork

# What a process finds itself to be.
FACTS = """
import ctypes, json, os, pathlib, signal, sys, threading
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
death_signal = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(death_signal), 0, 0, 0)
facts = {
    "signals": {name: status[name] for name in ("SigBlk", "SigPnd", "SigIgn", "SigCgt")},
    "handlers": sorted(f"{number!r} {signal.getsignal(number)!r}".split(" at ")[0]
                       for number in signal.valid_signals()),
    "wakeup": signal.set_wakeup_fd(-1),
    "files": sorted(name for name in os.listdir("/proc/self/fd")
                    if os.path.exists("/proc/self/fd/" + name)),
    "input": os.readlink("/proc/self/fd/0"),
    "output": os.readlink("/proc/self/fd/1"),
    "leads": os.getpid() == os.getsid(0) == os.getpgid(0),
    "parent": os.getppid(),
    "dies with it": death_signal.value,
    "threads": (threading.active_count(), len(os.listdir("/proc/self/task"))),
    "environment": {name: value for name, value in os.environ.items() if name != "LC_CTYPE"},
    "called": pathlib.Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").split(b"\\0")[0][:40]
              .decode().split(" ")[0],
}
pathlib.Path(os.environ["FACTS"]).write_text(json.dumps(facts))
"""
PARENT = """
import os, pathlib, random, signal, socket, subprocess, sys
from gateway.forking import fork, share_what_lives
from gateway.leash import leashed
FACTS, folder = sys.argv[1], pathlib.Path(sys.argv[2])
share_what_lives()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1):
    signal.signal(number, lambda *_: None)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
ours, theirs = socket.socketpair()
theirs.setblocking(False)
signal.set_wakeup_fd(theirs.fileno())
listener = socket.create_server(("127.0.0.1", 0))
os.set_inheritable(listener.fileno(), True)
lock = open(folder / "lock", "w")
argv = [sys.executable, "-c", FACTS]
def env(name):
    return {"PATH": os.environ["PATH"], "ONE": "1", "FACTS": str(folder / name)}
forked = fork(lambda: exec(FACTS, {}), argv=argv, env=env("forked"))
executed = subprocess.Popen(leashed(argv), env=env("executed"), stdin=subprocess.DEVNULL,
                            start_new_session=True)
assert (forked.wait(), executed.wait()) == (0, 0)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", program, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_a_fork_begins_as_an_executed_child_does(tmp_path: Path) -> None:
    done = run(PARENT, FACTS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    forked, executed = (
        json.loads((tmp_path / name).read_text()) for name in ("forked", "executed")
    )
    for facts in (forked, executed):
        assert facts["environment"].pop("FACTS")
    assert forked == executed
    assert forked["files"] == ["0", "1", "2"]
    assert forked["leads"]


ENDS = """
import atexit, json, os, pathlib, random, signal, sys
from gateway.forking import fork
folder = pathlib.Path(sys.argv[1])
def fail():
    raise ValueError("no good")
def say():
    (folder / "chance").write_text(str(random.random()))
    print("words of the child")
ends = {
    "returned": say,
    "exit": lambda: sys.exit(3),
    "exit with words": lambda: sys.exit("that is wrong"),
    "exit with nothing": lambda: sys.exit(),
    "error": fail,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "interrupted": lambda: os.kill(os.getpid(), signal.SIGTERM),
}
atexit.register(lambda: print("the parent ends"))
sys.stdout.write("said before; ")
try:
    found = {name: fork(end, argv=["a child"], env={}).wait() for name, end in ends.items()}
finally:
    print("the parent goes on")
(folder / "found").write_text(json.dumps(found))
assert float((folder / "chance").read_text()) != random.random()
"""


def test_it_ends_with_the_status_of_the_call_and_never_goes_on_as_its_parent(
    tmp_path: Path,
) -> None:
    done = run(ENDS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "found").read_text()) == {
        "returned": 0, "exit": 3, "exit with words": 1, "exit with nothing": 0, "error": 1,
        "killed": -9, "interrupted": -15,
    }  # fmt: skip
    assert done.stdout.splitlines() == [
        "said before; words of the child", "the parent goes on", "the parent ends",
    ]  # fmt: skip
    assert done.stderr.splitlines()[0] == "that is wrong"
    assert done.stderr.splitlines()[-1] == "ValueError: no good"


def test_nothing_is_forked_beside_another_thread() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert not can_fork()
    finally:
        stop.set()
        other.join()


CLEAN = """
import json, os, sys, threading
from gateway.config import load_settings
from gateway.forking import share_what_lives
from gateway.up import import_for_workers
from gateway.wiring import build
settings = load_settings(os.environ)
build(settings).database.dispose()
import_for_workers(settings)
share_what_lives()
print(json.dumps({
    "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
    "files": [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd")
              if int(name) > 2 and os.path.exists("/proc/self/fd/" + name)],
    "imported": [name for name in sys.argv[1:] if name in sys.modules],
}))
"""
EVERYTHING = """
[agents.model]
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "one"

[channels.acme]
kind = "intercom"
agent = "model"
access_token = "a token"
client_secret = "a secret"
bot_admin_id = "814860"

[channels.site]
kind = "webwidget"
agent = "model"
key = "site-key"
allowed_origins = ["https://acme.example"]
"""


@pytest.mark.parametrize(
    "database", ["sqlite", "postgresql+psycopg://nobody@127.0.0.1:1/none"], ids=["sqlite", "pg"]
)
def test_what_a_supervisor_imports_opens_nothing_and_starts_no_thread(
    tmp_path: Path, database: str
) -> None:
    (tmp_path / "gateway.toml").write_text(EVERYTHING)
    environ = {name: one for name, one in os.environ.items() if not name.startswith("GATEWAY_")}
    environ["GATEWAY_DATA_DIR"] = str(tmp_path)
    environ["GATEWAY_CONFIG"] = str(tmp_path / "gateway.toml")
    environ["GATEWAY_REDIS_URL"] = "redis://127.0.0.1:1"
    if database != "sqlite":
        environ["GATEWAY_DATABASE_URL"] = database
    wanted = ["intercom", "openai", "gateway.sync.scheduler"]
    argv = [sys.executable, "-c", CLEAN, *wanted, "gevent"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    # gevent must never be there: it would patch what children rely on.
    assert found == {"threads": [1, 1], "files": [], "imported": wanted}
