"""The commands that keep running: everything at once, or one role each for many machines."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import click

from gateway import __version__
from gateway.cli.settings import (
    is_embedded,
    migrate_now,
    read_settings_of_role,
)
from gateway.logs import set_up_logging
from gateway.tracing import set_up_tracing

# What an address may be; 0 takes any free port.
PORT = click.IntRange(0, 65535)


def _host_and_port(command: Any) -> Any:
    command = click.option("--port", type=PORT, default=8080, show_default=True)(command)
    return click.option("--host", default="127.0.0.1", show_default=True)(command)


@click.command()
@_host_and_port
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes for each kind of work that customers wait for.",
)
def up(host: str, port: int, workers: int) -> None:
    """Run everything here, in the foreground.

    Web server, workers and scheduler; without GATEWAY_DATABASE_URL and GATEWAY_REDIS_URL also an
    SQLite file in the data folder (brought up to date by itself) and a Valkey of its own.
    Stop it with Ctrl-C or SIGTERM.
    """
    from gateway.config import load_settings
    from gateway.up import up as run_up
    from gateway.wiring import build

    set_up_logging()
    # Not read_settings(): the Redis of another running gateway is not ours to use.
    settings = load_settings(os.environ)
    build(settings).database.dispose()  # what cannot be built is told here, not by every child
    logging.getLogger(__name__).info(
        "channel gateway %s at %s, its files in %s, channels: %s",
        __version__,
        f"{host}:{port}" if port else f"a free port of {host}",
        settings.data_dir,
        ", ".join(settings.channels) or "none (see `gateway doctor`)",
    )
    gateway = click.get_current_context().find_root().command

    def command(words: Sequence[str]) -> object:
        return gateway.main(list(words), prog_name="gateway")

    raise SystemExit(run_up(settings, os.environ, command, host=host, port=port, workers=workers))


@click.command()
@_host_and_port
@click.option(
    "--drain",
    type=click.IntRange(0, 300),
    default=0,
    show_default=True,
    help="Seconds in which, asked to end, it serves on while /readyz says 503.",
)
def web(host: str, port: int, drain: int) -> None:
    """Serve webhooks, the API and the pages; an embedded database is brought up to date first.

    WEB_CONCURRENCY says how many processes.
    """
    from gateway.up import environment_of_children
    from gateway.webserver import count_together, listen, web_argv, web_processes
    from gateway.wiring import build

    set_up_logging()
    settings = read_settings_of_role()
    build(settings).database.dispose()
    if is_embedded(settings):
        migrate_now(settings)
    listener = listen(host, port)
    port = listener.getsockname()[1]
    environ = environment_of_children(settings, os.environ, host, port)
    processes = web_processes(settings.database_url, os.environ)
    environ |= count_together(processes, settings.data_dir, port)
    argv = web_argv(listener, processes=processes, drain_s=drain)
    click.echo(f"listening on {host}:{port}", err=True)
    # gunicorn takes over this process and the socket: signals reach it directly.
    listener.set_inheritable(True)
    os.execvpe(argv[0], argv, environ)


@click.command()
@click.option(
    "--only",
    type=click.Choice(["turns", "deliver", "sync"]),
    help="Serve one kind of work in this very process. Without it: a process for each.",
)
def worker(only: str | None) -> None:
    """Do the work: ask the AI agent, deliver to channels, keep in step with them."""
    set_up_logging()
    set_up_tracing()
    settings = read_settings_of_role()
    if only is None:
        from gateway.supervisor import Supervisor
        from gateway.up import worker_children

        environ = {**os.environ, "GATEWAY_REDIS_URL": settings.redis_url or ""}
        children = [one for one in worker_children(environ, 1) if "worker" in one.argv]
        raise SystemExit(Supervisor([children]).run())

    from gateway.sync.worker import run_worker
    from gateway.wiring import build

    run_worker(build(settings), only)


@click.command()
def scheduler() -> None:
    """Look twice a second for what is due and wake workers for it. Several do no harm."""
    from gateway.sync.scheduler import run_scheduler
    from gateway.wiring import build

    set_up_logging()
    set_up_tracing()
    run_scheduler(build(read_settings_of_role()))
