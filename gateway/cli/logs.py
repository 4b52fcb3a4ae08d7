"""What commands write to standard error while they work: a line per happening."""

from __future__ import annotations

import logging
import sys
import time


def write_logs() -> None:
    """Send our own and the libraries' logs to standard error, with the time in UTC."""
    import structlog

    moment = "%Y-%m-%dT%H:%M:%SZ"
    lines = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s [%(levelname)-8s] %(message)s", moment)
    formatter.converter = time.gmtime
    lines.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    # They tell of every job, which is every wake-up, of every request, of every plugin.
    for chatty in ("rq", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(moment, utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Looked up at each line: whoever runs a command in a process of theirs may change it.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
