"""The commands that keep running, as real processes: they serve and stop, and find each other."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil
import pytest
import requests

from gateway.supervisor import GRACE_S
from tests.cli.conftest import Gateway
from tests.services.processes import PATIENCE_S, free_port, is_alive, wait_until

pytestmark = pytest.mark.slow


class Running:
    """A started command, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            self.said.extend(self.process.stdout)

    @property
    def output(self) -> str:
        return "".join(self.said)

    def says(self, words: str) -> str:
        """Wait for a line with `words` in it; return the line."""
        wait_until(
            lambda: words in self.output or self.process.poll() is not None,
            f"“{words}” in: {self.output}",
        )
        return next((line for line in self.said if words in line), self.output)

    def family(self) -> list[int]:
        """Return the process and all below it."""
        parent = psutil.Process(self.process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask for the end and wait for it; return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(GRACE_S + 10)
        self._reader.join(PATIENCE_S)
        return status


@contextmanager
def running(gateway: Gateway, *arguments: str) -> Iterator[Running]:
    started = Running(gateway.start(arguments))
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()


def checks(url: str) -> dict[str, object]:
    try:
        answer: dict[str, object] = requests.get(f"{url}/readyz", timeout=5).json()
    except requests.RequestException:
        return {"status": "not there"}
    return answer


def all_gone(pids: Sequence[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def turns_of(up: Running) -> psutil.Process | None:
    for child in psutil.Process(up.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it may be ending just now
            if "gateway worker --only turns" in " ".join(child.cmdline()):
                return child
    return None


def holds_nothing_that_children_must_not_have(supervisor: psutil.Process) -> None:
    assert supervisor.num_threads() == 1
    assert {one.status for one in supervisor.net_connections("inet")} == {psutil.CONN_LISTEN}
    assert not any(file.path.endswith("gateway.db") for file in supervisor.open_files())


def stands_on_its_own(worker: psutil.Process) -> None:
    """It is a fork with nothing of its parent's, and shares its memory."""
    assert os.getsid(worker.pid) == worker.pid
    assert not any(file.path.endswith("up.lock") for file in worker.open_files())
    assert psutil.CONN_LISTEN not in {one.status for one in worker.net_connections("inet")}
    memory = worker.memory_full_info()
    assert memory.uss < 0.5 * memory.rss


def test_up_runs_everything_and_stops_cleanly(gateway: Gateway) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    with running(gateway, "up", "--port", str(port)) as up:
        wait_until(lambda: checks(url)["status"] == "ready", f"readiness; {up.output}", within_s=60)
        assert f"at 127.0.0.1:{port}, its files in {gateway.folder}/data" in up.output
        family = up.family()
        # The supervisor, gunicorn and its worker, three workers, the scheduler, Valkey.
        assert len(family) == 8
        first = turns_of(up)
        assert first is not None
        holds_nothing_that_children_must_not_have(psutil.Process(up.process.pid))
        first.kill()
        wait_until(lambda: turns_of(up) not in (None, first), f"the next worker; {up.output}")
        wait_until(lambda: checks(url)["status"] == "ready", f"readiness; {up.output}")
        second = turns_of(up)
        assert second is not None
        stands_on_its_own(second)
        family = up.family()
        # Others find its Redis and its database.
        assert "the running gateway's own" in gateway.run("doctor").stdout
        assert gateway.run("operators", "list").exit_code == 0
        second = gateway.run("up", "--port", "0")
        assert second.exit_code == 2
        assert "another gateway is running" in second.stderr
        assert up.stop() == 0
    wait_until(lambda: all_gone(family), "the end of the whole tree")


def test_web_serves_alone_without_redis(gateway: Gateway) -> None:
    with running(gateway, "web", "--port", "0") as web:
        url = "http://" + web.says("listening on").split()[-1]
        wait_until(lambda: checks(url)["status"] == "degraded", f"an answer; {web.output}")
        assert "GATEWAY_REDIS_URL is not set" in web.output
        family = web.family()
        assert web.stop() == 0
    wait_until(lambda: all_gone(family), "the end of gunicorn and its worker")


def test_a_port_that_is_taken_is_told(gateway: Gateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in ("up", "web"):
            with running(gateway, command, "--port", port) as refused:
                assert refused.process.wait(PATIENCE_S) == 2
                refused.says("cannot listen on")


def test_each_worker_serves_one_kind(gateway: Gateway, valkey_url: str) -> None:
    gateway.environ["GATEWAY_REDIS_URL"] = valkey_url
    with (
        running(gateway, "web", "--port", "0") as web,
        running(gateway, "worker", "--only", "turns") as turns,
        running(gateway, "worker", "--only", "sync") as sync,
    ):
        url = "http://" + web.says("listening on").split()[-1]

        def serving() -> object:
            found = checks(url).get("checks")
            return isinstance(found, dict) and found["workers"]

        expected = {"turns": 1, "deliver": 0, "sync": 1}
        wait_until(lambda: serving() == expected, f"two workers; {turns.output} {sync.output}")
        assert turns.stop() == 0
        assert sync.stop(signal.SIGINT) == 0


def test_a_worker_without_a_kind_serves_all(gateway: Gateway, valkey_url: str) -> None:
    gateway.environ["GATEWAY_REDIS_URL"] = valkey_url
    gateway.run("migrate")
    with running(gateway, "worker") as workers:
        wait_until(lambda: len(workers.family()) == 4, "three children")
        for kind in ("turns", "deliver", "sync"):
            workers.says(f"started worker {kind}")
        family = workers.family()
        assert workers.stop(signal.SIGINT) == 0
    wait_until(lambda: all_gone(family), "the end of the workers")


def test_the_scheduler_stops_when_asked(gateway: Gateway, valkey_url: str) -> None:
    gateway.environ["GATEWAY_REDIS_URL"] = valkey_url
    gateway.run("migrate")
    with running(gateway, "scheduler") as scheduler:
        process = psutil.Process(scheduler.process.pid)

        def looks() -> bool:
            return any("gateway.db" in file.path for file in process.open_files())

        wait_until(looks, f"a look into the database; {scheduler.output}")
        assert scheduler.stop() == 0
        assert "Traceback" not in scheduler.output
