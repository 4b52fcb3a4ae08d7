"""`python -m bench upgrade`: the release before and this one, side by side, under load.

The code of an older commit runs on its own tables, in web, worker and scheduler processes, while
customers write and teammates take over. Then this version migrates the database under them, its
processes join, requests go to both, a worker of the older code is restarted on the new tables, and
at last the older ones are stopped. Every request must have been answered as if nothing had
happened, and nothing may be lost, said twice or said over a person: the verdict of the crash tests.
"""

from __future__ import annotations

import argparse
import io
import logging
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from bench.figures import table
from bench.machine import describe
from bench.servers import KINDS, ROOT
from gateway.leash import leashed
from tests.crash.load import Town
from tests.crash.tree import CHANNEL, Tree, tree
from tests.crash.verdict import Verdict, judge
from tests.services.postgres import running_postgres
from tests.services.processes import free_port, wait_until
from tests.services.valkey import running_valkey

_VERSIONS = "gateway/store/migrations/versions"
_BUILT = ("gateway/channels/webwidget/built", "gateway/console/built")
_STARTS_WITHIN_S = 240.0
_QUIET_WITHIN_S = 240.0
# As a load balancer does, which gives what is under way its time.
_DRAINED_AFTER_S = 5.0
_STOPS_WITHIN_S = 60.0


def main(arguments: Sequence[str]) -> int:
    """Upgrade on each database; 0 if nothing went wrong on any."""
    options = _options(arguments)
    commit = _resolved(options.before or _before_the_newest_migration())
    wrong: list[str] = []
    logging.getLogger("werkzeug").setLevel(
        logging.WARNING
    )  # the agent's and the stand-in's servers
    with tempfile.TemporaryDirectory(prefix="bench-upgrade-") as name:
        print(*describe(Path(name)), sep="\n")
        older = _unpacked(commit, Path(name) / "older")
        print(
            f"\nfrom {commit[:10]} (tables {_newest(older)}) to this tree (tables {_newest(ROOT)})"
        )
        for kind in KINDS if options.database is None else (options.database,):
            wrong += _upgrade(kind, older, options)
    print("\nRIGHT" if not wrong else "\nWRONG\n" + "\n".join(f"  {one}" for one in wrong))
    return 1 if wrong else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench upgrade", description=__doc__)
    parser.add_argument("--database", choices=KINDS, help="one of them (default: both)")
    parser.add_argument("--before", help="the older commit (default: before the newest migration)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of load, in all")
    parser.add_argument("--streets", type=int, default=4, help="how many customers write at once")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


# -- the older release -------------------------------------------------------------------------


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def _resolved(commit: str) -> str:
    return _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()


def _before_the_newest_migration() -> str:
    """The last commit with older tables than this tree's, in a state that can be run."""
    for commit in _git("log", "--format=%H", "--", _VERSIONS).decode().split():
        listed = _git("ls-tree", "--name-only", commit, f"{_VERSIONS}/").decode().split()
        numbers = sorted(Path(path).name[:4] for path in listed if path.endswith(".py"))
        one_by_one = [f"{number:04}" for number in range(1, len(numbers) + 1)]
        if numbers == one_by_one and numbers[-1:] < [_newest(ROOT)]:
            return commit
    raise SystemExit("this checkout has no history of older tables: name a commit with --before")


def _unpacked(commit: str, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as tar:
        tar.extractall(folder, filter="data")
    for built in _BUILT:  # the browser's scripts are not what is compared
        if (ROOT / built).exists():
            shutil.copytree(ROOT / built, folder / built, dirs_exist_ok=True)
    return folder


def _newest(root: Path) -> str:
    return max(path.name[:4] for path in (root / _VERSIONS).glob("[0-9]*.py"))


class Release:
    """The processes of one version of the code."""

    def __init__(self, name: str, root: Path, environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{name}.log"
        self._root = root
        self._environ = {**environ, "PYTHONPATH": str(root), "WEB_CONCURRENCY": "1"}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *command: str) -> str:
        """Run a command to its end; return what it printed."""
        ran = subprocess.run(
            self._argv(command), cwd=self._root, env=self._environ, capture_output=True, text=True
        )
        if ran.returncode != 0:
            raise RuntimeError(f"{self.name}: gateway {' '.join(command)}: {ran.stderr}")
        with self.log.open("a", encoding="utf-8") as log:
            log.write(ran.stderr)
        return ran.stdout

    def start(self, role: str, *options: str) -> None:
        """Start a role."""
        with self.log.open("ab") as log:
            self._processes[role] = subprocess.Popen(
                leashed(self._argv((role, *options))),
                cwd=self._root, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def up(self) -> None:
        """Start every role, and wait until each is there."""
        self.start("web", "--port", str(self.port))
        self.start("worker")
        self.start("scheduler")
        wait_until(self.is_ready, f"{self.name}; see {self.log}", within_s=_STARTS_WITHIN_S)

    def is_ready(self) -> bool:
        """Whether it may be sent requests, and its workers are known."""
        try:
            return bool(requests.get(f"{self.url}/readyz", timeout=10).json()["status"] == "ready")
        except requests.RequestException:
            return False

    def stop(self, *roles: str) -> list[str]:
        """Ask roles (all) for the end; return what did not end as it should."""
        ending = {role: self._processes.pop(role) for role in roles or tuple(self._processes)}
        for process in ending.values():
            process.terminate()
        wrong = []
        for role, process in ending.items():
            try:
                status = process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            if status != 0:
                wrong.append(f"{self.name} {role} ended with status {status}")
        return wrong

    def kill(self) -> None:
        """End whatever runs."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def count(self, event: str) -> int:
        """How often its log tells of something."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return text.count(f'"event": "{event}"')

    def _argv(self, command: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "gateway", *command]


# -- the load ----------------------------------------------------------------------------------


@dataclass
class Balancer:
    """Sends notifications and calls to one of those that are in turn now."""

    notifier: Any
    token: str
    chance: random.Random
    turns: list[Release] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Notifications change their way all the time, and somebody reads the API."""
        self._choose()
        threads = [threading.Thread(target=work) for work in (self._switch, self._read)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _switch(self) -> None:
        while not self.over.wait(0.01):
            self._choose()

    def _choose(self) -> None:
        self.notifier.url = f"{self.chance.choice(self.turns).url}/webhooks/{CHANNEL}"

    def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        while not self.over.wait(0.05):
            to = self.chance.choice(self.turns)
            answer = self._get(to, "/sessions?limit=20", headers)
            for one in self.chance.sample(answer, min(2, len(answer))):
                self._get(to, f"/sessions/{one['id']}", headers)
                self._get(to, f"/sessions/{one['id']}/messages", headers)

    def _get(self, to: Release, path: str, headers: Mapping[str, str]) -> list[Any]:
        try:
            answer = requests.get(f"{to.url}/api/v1{path}", headers=headers, timeout=10)
        except requests.RequestException:
            self.answers[to.name, 0] += 1
            return []
        self.answers[to.name, answer.status_code] += 1
        return list(answer.json().get("items", ())) if answer.status_code == 200 else []


# -- one upgrade -------------------------------------------------------------------------------


def _upgrade(kind: str, older: Path, options: argparse.Namespace) -> list[str]:
    with ExitStack() as stack:
        url = kind
        if kind == "postgresql":
            server = stack.enter_context(running_postgres())
            url = server.url(server.create_database())
        valkey = stack.enter_context(running_valkey())
        it = stack.enter_context(tree(url, seed=options.seed, migrated=True))
        environ = it.environ | {"GATEWAY_REDIS_URL": valkey.url}
        before = Release("older", older, environ, it.folder)
        after = Release("newer", ROOT, environ, it.folder)
        stack.callback(before.kill)
        stack.callback(after.kill)
        before.run("migrate")
        before.run("operators", "add", "b@b.test", "--name", "B", "--role", "admin")
        token = before.run("tokens", "add", "b@b.test").split()[-1]
        before.up()
        balancer = Balancer(it.standin.notifier, token, random.Random(options.seed), [before])
        wrong = _play(it, before, after, balancer, options)
        verdict = judge(it, it.talks)
        _tell(kind, before, after, balancer, verdict)
        wrong += verdict.wrong + _answered(it, balancer, verdict)
        if wrong:
            kept = Path(tempfile.mkdtemp(prefix="bench-upgrade-logs-"))
            for one in (before, after):
                shutil.copy(one.log, kept)
            print(f"  logs: {kept}")
        return [f"{kind}: {one}" for one in wrong]


def _play(
    it: Tree, before: Release, after: Release, balancer: Balancer, options: argparse.Namespace
) -> list[str]:
    step_s = options.seconds / 5
    town = Town(it.standin.world, options.seed, streets=options.streets)
    with balancer.running():
        town.open()
        time.sleep(step_s)
        began = time.monotonic()
        after.run("migrate")
        print(f"\nmigrated under load in {time.monotonic() - began:.1f} s,", end=" ")
        print(f"other work went first {after.count('migration_waits')} times")
        time.sleep(step_s)  # the older code alone, on newer tables
        after.up()
        balancer.turns = [before, after]
        time.sleep(step_s)
        wrong = before.stop("worker")
        answered = before.count("turn_answered")
        before.start("worker")  # older code that begins on newer tables
        wait_until(
            lambda: before.count("turn_answered") > answered, "older code at work once more",
            within_s=_STARTS_WITHIN_S,
        )  # fmt: skip
        time.sleep(step_s)
        balancer.turns = [after]
        time.sleep(_DRAINED_AFTER_S)
        wrong += before.stop()
        time.sleep(step_s)
        town.close()
        it.talks = town.talks
        it.wait_until_quiet(_QUIET_WITHIN_S)
    wrong += after.stop()
    return wrong


def _answered(it: Tree, balancer: Balancer, verdict: Verdict) -> list[str]:
    wrong = [
        f"{count} calls to the {name} API were answered {status or 'not at all'}"
        for (name, status), count in balancer.answers.items()
        if status != 200
    ]
    if lost := verdict.numbers["attempts lost"]:
        told = Counter(
            str(one.status or one.error) for one in it.standin.notifier.log if not one.ok
        )
        wrong.append(f"{lost} notifications were not answered 200: {dict(told)}")
    return wrong


def _tell(kind: str, before: Release, after: Release, balancer: Balancer, verdict: Verdict) -> None:
    rows = [[kind, "older", "newer"]]
    for title, event in (
        ("turns answered", "turn_answered"),
        ("messages sent", "push_sent"),
    ):
        rows.append([title, *(str(one.count(event)) for one in (before, after))])
    for title, ok in (("API calls answered 200", True), ("API calls answered otherwise", False)):
        counts = [
            sum(
                count
                for (name, status), count in balancer.answers.items()
                if name == one.name and (status == 200) is ok
            )
            for one in (before, after)
        ]
        rows.append([title, *map(str, counts)])
    print(table(rows))
    told = ("talks", "attempts", "attempts lost", "words answered", "pushes sent")
    print("  " + ", ".join(f"{verdict.numbers[name]} {name}" for name in told))
