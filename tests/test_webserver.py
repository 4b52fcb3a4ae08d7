"""gunicorn under the supervisor: it serves, a restart refuses nobody, a kill leaves nobody."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.errors import ConfigError
from gateway.webserver import listen, web_argv, web_processes
from tests.services.processes import PATIENCE_S, is_alive, wait_until

APPLICATION = """
import json, os, threading, time
import psycopg.waiting
from gateway.quota.neighbours import Came

class Heard:
    extensions = property(lambda self: {"fairness": self})
    neighbours = None

    def beside(self, neighbours):
        self.neighbours = neighbours

    def __call__(self, environ, start_response):
        return answer(environ, start_response)

application = Heard()

def answer(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    facts = {
        "pid": os.getpid(),
        "threads_are_greenlets": "gevent" in type(threading.current_thread()).__module__
        or threading.get_ident.__module__.startswith("gevent"),
        "psycopg_yields": psycopg.waiting.wait.__name__ != "wait_c"
        and getattr(psycopg.waiting.wait, "__module__", "") == "psycopg.waiting",
    }
    if environ["PATH_INFO"] == "/come":
        application.neighbours.tell(Came(os.getpid(), 1.0, 1), Came(None, 0.0, 0))
    facts["others"] = application.neighbours.most(os.getpid(), 0.0)
    if environ["PATH_INFO"] == "/stream":
        def stream():
            yield b"begun"
            time.sleep(600)
        return stream()
    return [json.dumps(facts).encode()]
"""
SUPERVISOR = """
import pathlib, sys
from gateway.supervisor import Child, Supervisor
from gateway.webserver import listen, web_argv
listener = listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
argv = [*web_argv(listener, processes=2), "--chdir", sys.argv[1], "application:application"]
web = Child(name="web", argv=argv, pass_fds=(listener.fileno(),))
sys.exit(Supervisor([[web]]).run())
"""


class Served:
    """A supervised web server with a small application."""

    def __init__(self, folder: Path) -> None:
        (folder / "application.py").write_text(APPLICATION)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def ask(self, path: str = "") -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def tree(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]


@pytest.fixture
def served(tmp_path: Path) -> Any:
    served = Served(tmp_path)
    yield served
    served.process.kill()
    served.process.communicate()


def test_its_processes_know_who_comes_to_the_others(served: Served) -> None:
    came = served.ask("/come")
    assert came["others"] is None

    def heard() -> bool:
        facts = served.ask()
        return facts["pid"] != came["pid"] and facts["others"] == 1

    wait_until(heard, "the other process")


def test_it_serves_with_gevent_and_psycopg_knows(served: Served) -> None:
    facts = served.ask()
    assert facts["threads_are_greenlets"]
    assert facts["psycopg_yields"]


def test_a_killed_web_server_refuses_nobody(served: Served) -> None:
    before = served.ask()["pid"]
    master = psutil.Process(before).ppid()
    wait_until(lambda: len(served.tree()) == 3, "gunicorn and two workers")
    tree = served.tree()
    psutil.Process(master).kill()
    wait_until(lambda: not any(map(is_alive, tree)), "the end of the old workers")
    # The socket lives on in the supervisor: this waits in its queue for the next life.
    after = served.ask()["pid"]
    assert psutil.Process(after).ppid() not in tree


def test_a_killed_supervisor_leaves_nobody(served: Served) -> None:
    served.ask()
    wait_until(lambda: len(served.tree()) == 3, "gunicorn and two workers")
    tree = served.tree()
    served.process.kill()
    served.process.wait()
    wait_until(lambda: not any(map(is_alive, tree)), "the end of the whole tree")


def test_an_open_stream_does_not_hold_up_the_stop(served: Served) -> None:
    with urllib.request.urlopen(f"{served.url}/stream", timeout=PATIENCE_S) as stream:
        assert stream.read(5) == b"begun"
        tree = served.tree()
        served.process.terminate()
        assert served.process.wait(timeout=10) == 0
    assert not any(map(is_alive, tree))


def test_an_address_in_use_is_a_clear_error() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address"):
            listen("127.0.0.1", port)


def test_how_many_processes() -> None:
    assert web_processes("sqlite:///x", {}) == 1
    assert web_processes("postgresql+psycopg://x", {}) >= 1
    assert web_processes("sqlite:///x", {"WEB_CONCURRENCY": "3"}) == 3
    assert "fd://" not in " ".join(web_argv("0.0.0.0:80"))
