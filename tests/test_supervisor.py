"""The tree behind `gateway up`, with real processes: it heals, stops in order, leaves no orphan."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.supervisor import GRACE_S, LAST_GRACE_S
from tests.services.processes import PATIENCE_S, is_alive, wait_until

# A child that notes its pid when it can be stopped, and its name when it stops.
POLITE = """
import os, pathlib, signal, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(*_):
    with open(folder / "stopped", "a") as file:
        file.write(name + "\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
with open(folder / (name + ".pids"), "a") as file:
    file.write(f"{os.getpid()}\\n")
while True:
    time.sleep(600)
"""
# One that ignores every request, with a child of its own that does, too.
STUBBORN = """
import os, pathlib, signal, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.fork()
with open(folder / (name + ".pids"), "a") as file:
    file.write(f"{os.getpid()}\\n")
while True:
    time.sleep(600)
"""
SUPERVISOR = """
import logging, pathlib, sys
from functools import partial
from gateway.supervisor import Child, Supervisor
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stderr)
folder = pathlib.Path(sys.argv[1])
def run(program, name):
    sys.argv[:] = ["-c", str(folder), name]
    exec(program, {})
def child(name, program, ready=None):
    argv = [sys.executable, "-c", program, str(folder), name]
    forked = partial(run, program, name) if sys.argv[5] == "forked" else None
    return Child(name=name, argv=argv, ready=ready, run=forked)
def noted(name):
    return lambda: (folder / (name + ".pids")).exists()
polite, stubborn = sys.argv[2], sys.argv[3]
sys.exit(eval(sys.argv[4]))
"""

Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture(params=["executed", "forked"])
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a supervisor in a process of its own; `expression` makes and runs it."""
    started: list[subprocess.Popen[str]] = []

    def start(expression: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", SUPERVISOR, str(tmp_path), POLITE, STUBBORN, expression]
        argv.append(request.param)
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
    for path in tmp_path.glob("*.pids"):  # only a broken supervisor leaves any
        for pid in pids(tmp_path, path.stem):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def pids(folder: Path, name: str) -> list[int]:
    path = folder / f"{name}.pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_dies_is_started_again(tmp_path: Path, start: Start) -> None:
    supervisor = start('Supervisor([[child("a", polite)]]).run()')
    wait_until(lambda: pids(tmp_path, "a"), "the first life")
    subprocess.run(["kill", "-9", str(pids(tmp_path, "a")[0])], check=True)
    wait_until(lambda: len(pids(tmp_path, "a")) == 2, "the second life")
    supervisor.terminate()
    _, errors = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0
    assert "ended with SIGKILL; starting it again in 0.2 s" in errors
    assert not is_alive(pids(tmp_path, "a")[1])


def test_what_dies_at_once_is_started_again_ever_more_slowly(start: Start) -> None:
    supervisor = start('Supervisor([[child("a", "import sys; sys.exit(3)")]]).run()')
    assert supervisor.stderr is not None
    pauses = []
    for line in supervisor.stderr:
        if "ended" in line:
            assert "ended with exit code 3" in line
            pauses.append(line.split(" in ")[1].strip())
        if len(pauses) == 4:
            break
    assert pauses == ["0.2 s", "0.4 s", "0.8 s", "1.6 s"]
    supervisor.send_signal(signal.SIGINT)
    supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stages_start_in_order_and_stop_the_other_way_round(
    tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    supervisor = start(
        'Supervisor([[child("a", polite, noted("go"))],'
        ' [child("b", polite, noted("b"))], [child("c", polite)]]).run()'
    )
    wait_until(lambda: pids(tmp_path, "a"), "the first stage")
    assert not pids(tmp_path, "b")
    (tmp_path / "go.pids").touch()
    wait_until(lambda: pids(tmp_path, "c"), "the last stage")
    supervisor.send_signal(number)
    supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0
    assert (tmp_path / "stopped").read_text().split() == ["c", "b", "a"]


def test_a_stop_is_heard_while_the_start_is_waited_for(tmp_path: Path, start: Start) -> None:
    supervisor = start('Supervisor([[child("a", polite, lambda: False)]]).run()')
    wait_until(lambda: pids(tmp_path, "a"), "the child")
    supervisor.terminate()
    supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0
    assert not is_alive(pids(tmp_path, "a")[0])


def test_who_does_not_stop_is_killed_with_its_children(tmp_path: Path, start: Start) -> None:
    supervisor = start('Supervisor([[child("a", stubborn)]], grace_s=0.3).run()')
    wait_until(lambda: len(pids(tmp_path, "a")) == 2, "the child and its child")
    supervisor.terminate()
    _, errors = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0
    assert "did not stop in time: killed" in errors
    wait_until(lambda: not any(map(is_alive, pids(tmp_path, "a"))), "everybody's end")


def test_a_second_signal_hurries(tmp_path: Path, start: Start) -> None:
    supervisor = start('Supervisor([[child("a", stubborn)]], grace_s=600).run()')
    wait_until(lambda: len(pids(tmp_path, "a")) == 2, "the child and its child")
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.1)  # two signals at once are one
    supervisor.send_signal(signal.SIGINT)
    supervisor.communicate(timeout=PATIENCE_S)
    wait_until(lambda: not any(map(is_alive, pids(tmp_path, "a"))), "everybody's end")


def test_the_whole_stop_takes_at_most_ten_seconds() -> None:
    assert GRACE_S + LAST_GRACE_S < 10


def test_the_kernel_kills_the_children_of_a_killed_supervisor(tmp_path: Path, start: Start) -> None:
    supervisor = start('Supervisor([[child("a", polite), child("b", polite)]]).run()')
    wait_until(lambda: pids(tmp_path, "a") and pids(tmp_path, "b"), "the children")
    supervisor.kill()
    supervisor.wait()
    children = pids(tmp_path, "a") + pids(tmp_path, "b")
    wait_until(lambda: not any(map(is_alive, children)), "the end of the children")
    assert not (tmp_path / "stopped").exists()


@pytest.mark.parametrize("start", ["executed"], indirect=True)
def test_a_child_has_the_usual_signals(tmp_path: Path, start: Start) -> None:
    supervisor = start(
        'Supervisor([[Child(name="a", argv=["sh", "-c",'
        ' f"grep Sig /proc/self/status > {folder}/masks.new; mv {folder}/masks.new {folder}/masks;'
        ' exec sleep 600"])]]).run()'
    )
    wait_until((tmp_path / "masks").exists, "the child's word")
    supervisor.terminate()
    supervisor.communicate(timeout=PATIENCE_S)
    masks = dict(line.split(":\t") for line in (tmp_path / "masks").read_text().splitlines())
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) >> (signal.SIGPIPE - 1) & 1 == 0
