"""The command line of the web server, and the socket that it listens on."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import ConfigError
from gateway.gunicorn_conf import graceful_timeout


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket (port 0: any free one).

    Whoever supervises the web server holds it, so that a restart refuses no connection: they wait.
    Raises ConfigError if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            [f"--host/--port: cannot listen on {host}:{port} ({reason}); name another address"]
        ) from error
    return listener


def web_argv(bind: str | socket.socket, *, processes: int = 1, drain_s: int = 0) -> list[str]:
    """Return the command that serves on `HOST:PORT`, or on a socket that it inherits.

    Asked to end, it serves on for `drain_s` before it takes nothing more (webworker.py).
    """
    address = bind if isinstance(bind, str) else f"fd://{bind.fileno()}"
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:gateway.gunicorn_conf"),
        *("--bind", address, "--workers", str(processes)),
        *("--graceful-timeout", str(graceful_timeout + drain_s)),
    ]


def count_together(processes: int, data_dir: Path, port: int) -> dict[str, str]:
    """Return the environment in which several web processes count together.

    Each keeps its figures in a file of a folder, which a run on this port starts with empty.
    """
    if processes == 1:
        return {}
    folder = data_dir / f"metrics-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


def web_processes(database_url: str, environ: Mapping[str, str]) -> int:
    """Return how many web processes to run: WEB_CONCURRENCY if set, as gunicorn has it.

    Else one on SQLite, where writers queue for one file, and one per core on PostgreSQL, up to 4.
    """
    named = environ.get("WEB_CONCURRENCY", "")
    if named.isdecimal() and int(named) > 0:
        return int(named)
    return 1 if database_url.startswith("sqlite") else min(os.cpu_count() or 1, 4)
