"""`gateway up`: web, workers, scheduler and the embedded Valkey as one foreground tree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from sqlalchemy.orm import configure_mappers

from gateway.config import Settings
from gateway.embedded import embedded_valkey
from gateway.forking import share_what_lives
from gateway.instance import only_instance
from gateway.store import migrate
from gateway.supervisor import Child, Supervisor
from gateway.webserver import count_together, listen, web_argv, web_processes

# The roles run as `python -m gateway …`: found wherever the package is, on PATH or not.
GATEWAY = (sys.executable, "-m", "gateway")

# Runs a `gateway` command in this process, and ends it.
Command = Callable[[Sequence[str]], object]

# Where one may listen and nobody can call.
_EVERYWHERE = (
    "",
    "::",
    "0.0.0.0",  # nosec B104
)


def up(
    settings: Settings,
    environ: Mapping[str, str],
    command: Command,
    *,
    host: str,
    port: int,
    workers: int = 1,
) -> int:
    """Run until a signal asks for the end; return the exit status.

    `environ` is what the settings were read from; the children read theirs from it, too. Workers
    and scheduler are forks of this process that run a `command`. The web server is executed:
    gevent must have patched the standard library before ours is imported.
    Raises ConfigError if the folder or the address is taken.
    """
    with ExitStack() as stack:
        instance = stack.enter_context(only_instance(settings.data_dir))
        listener = stack.enter_context(listen(host, port))
        real_port = listener.getsockname()[1]
        child_environ = environment_of_children(settings, environ, host, real_port)
        stages: list[list[Child]] = []
        if settings.redis_url is None:
            valkey = stack.enter_context(embedded_valkey(settings.data_dir))
            child_environ["GATEWAY_REDIS_URL"] = valkey.url
            stages.append([valkey.child()])
        instance.tell(child_environ["GATEWAY_REDIS_URL"])
        if settings.database_url.startswith("sqlite"):
            migrate(settings.database_url)
        processes = web_processes(settings.database_url, environ)
        web = Child(
            name="web",
            argv=web_argv(listener, processes=processes),
            env={**child_environ, **count_together(processes, settings.data_dir, real_port)},
            pass_fds=(listener.fileno(),),
        )
        stages.append([web, *worker_children(child_environ, workers, command)])
        import_for_workers(settings)
        share_what_lives()
        return Supervisor(stages).run()


def environment_of_children(
    settings: Settings, environ: Mapping[str, str], host: str, port: int
) -> dict[str, str]:
    """Return the environment in which the children read the same settings as we did."""
    child_environ = dict(environ)
    child_environ["GATEWAY_DATA_DIR"] = str(settings.data_dir)
    if settings.redis_url is not None:
        child_environ["GATEWAY_REDIS_URL"] = settings.redis_url
    if not environ.get("GATEWAY_PUBLIC_URL"):
        # The default names the default port; the one we listen on is the true one.
        reachable = "127.0.0.1" if host in _EVERYWHERE else host
        name = f"[{reachable}]" if ":" in reachable else reachable
        child_environ["GATEWAY_PUBLIC_URL"] = f"http://{name}:{port}"
    return child_environ


def worker_children(
    environ: Mapping[str, str], workers: int, command: Command | None = None
) -> list[Child]:
    """Return the workers, `workers` of them where customers wait, and the scheduler.

    Forks of this process if a `command` can be run in it.
    """
    roles = [("turns", workers), ("deliver", workers), ("sync", 1)]
    named = [
        (f"worker {kind}" if count == 1 else f"worker {kind} {number}", ("worker", "--only", kind))
        for kind, count in roles
        for number in range(1, count + 1)
    ]
    return [
        Child(
            name=name,
            argv=[*GATEWAY, *words],
            env=environ,
            run=None if command is None else partial(command, words),
        )
        for name, words in [*named, ("scheduler", ("scheduler",))]
    ]


def import_for_workers(settings: Settings) -> None:
    """Import and arrange what workers would otherwise, later, each for itself."""
    import gateway.sync.scheduler
    import gateway.sync.worker

    if not settings.database_url.startswith("sqlite"):
        import gateway.store.line
        import gateway.store.waiting
    if any(channel.kind == "intercom" for channel in settings.channels.values()):
        import gateway.channels.intercom.sender
    if any(agent.kind == "openai" for agent in settings.agents.values()):
        import gateway.agents.openai.client  # noqa: F401
    configure_mappers()
