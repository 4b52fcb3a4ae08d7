"""How gunicorn serves us; read by gunicorn itself (`--config python:gateway.gunicorn_conf`).

It must import nothing that opens sockets or threads: gevent patches the standard library only
after the fork, in each worker, and psycopg looks once, at its import, whether that has been done.
The application is loaded in the workers for the same reason (no preloading).
"""

import mmap
import os
import signal
from typing import Any

from gateway.forking import share_what_lives
from gateway.leash import hold

wsgi_app = "gateway.app:create_from_environment()"
proc_name = "channel-gateway"

worker_class = "gateway.webworker.Worker"
# Each open event stream is a connection.
worker_connections = 10_000
# A worker whose event loop has stood still for this long is replaced.
timeout = 60
# What has begun at SIGTERM gets so long; the supervisor gives us 8 s. `web --drain` adds to it.
graceful_timeout = 5
# Longer than a load balancer keeps an idle connection (60 s): it must be the one to close.
keepalive = 65

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# The application logs what matters; a line per request would hide it.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Its default is one socket per home folder, shared by every gunicorn that this user runs.
control_socket_disable = True
# Streams that come back at once wait here.
backlog = 4096
# Heartbeats in memory: on a slow disk their writes would stop the event loop.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # nosec B108


# What the web processes tell each other (quota/neighbours.py): a page that is forked with them.
_page = mmap.mmap(-1, mmap.PAGESIZE)


def pre_fork(server: Any, worker: Any) -> None:
    """Let a worker share what the master has imported."""
    share_what_lives()


def post_fork(server: Any, worker: Any) -> None:
    """Tie a worker to gunicorn's master, so that a killed master leaves none behind."""
    hold(server.pid, signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """Let nothing stop the event loop for long.

    gevent accepts a hundred connections before it looks at what else is ready, and each of them
    costs half a millisecond before it has said what it wants.

    Looking for cycles among everything that lives took 150 to 270 ms with 2,000 open streams, and
    found next to none: streams live long, requests leave nothing behind. What was imported lives
    for ever and is looked at no more; the rest in steps of a few milliseconds (with five times as
    much at once they took 15 to 20, while streams were let in), and as a whole after millions of
    objects have come to stay.
    """
    import gc

    from gevent.baseserver import BaseServer

    _meet_the_others(worker)

    BaseServer.max_accept = 8
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000, 3, 1_000)


def _meet_the_others(worker: Any) -> None:
    """Tell who comes to other web processes, if the application wants to know."""
    fairness = getattr(worker.wsgi, "extensions", {}).get("fairness")
    if fairness is not None:
        from gateway.quota.neighbours import Neighbours

        fairness.beside(Neighbours(_page, worker.age))


def worker_exit(server: Any, worker: Any) -> None:
    """Send the traces that are still to be sent."""
    from gateway.tracing import close_tracing

    close_tracing()


def child_exit(server: Any, worker: Any) -> None:
    """Count a worker's gauges no more; its counters stay in the sum."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
