"""What a process writes to standard error: key events only, never a body or a secret.

Lines for people on a terminal, JSON everywhere else, the libraries' lines like our own.

What is done for something carries its *origin*: the id of the delivery, of the call or of the piece
of work that it follows from. It is on every line that is written meanwhile, and on the rows that
leave work to other processes, whose lines carry it on.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import structlog
from structlog.typing import Processor

# They tell of every job, which is every wake-up, of every request, of every plugin.
_CHATTY = ("rq", "httpx", "httpx2", "alembic", "werkzeug")

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_about: ContextVar[Mapping[str, Any]] = ContextVar("gateway_about", default=_NOTHING)


@contextmanager
def about(**ids: Any) -> Iterator[None]:
    """Put ids on every line that is written inside; those that are None change nothing."""
    known = {name: id for name, id in ids.items() if id is not None}
    token = _about.set({**_about.get(), **known})
    try:
        yield
    finally:
        _about.reset(token)


def origin() -> str | None:
    """The id of what the work at hand follows from; None outside of any."""
    return _about.get().get("origin")


def set_up_logging(level: int = logging.INFO) -> None:
    """Set logging up for this process; harmless when called again."""
    shared: list[Processor] = [
        about_what,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        frames_only,
    ]
    if sys.stderr.isatty():
        render: Any = structlog.dev.ConsoleRenderer(
            pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    else:
        render = structlog.processors.JSONRenderer(default=repr)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up at each line: whoever runs a command in a process of theirs may change it.
        # With its end in one write: the libraries' lines come between two.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=level, handlers=[lines], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def about_what(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say what a line is about, unless it says so itself."""
    for name, id in _about.get().items():
        event.setdefault(name, id)
    return event


def frames_only(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say where an error came from, not what it said: a database quotes whole rows."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        event["trace"] = trace(error)
    return event


def trace(error: BaseException) -> list[str]:
    """An error and its causes, the outermost first: kind, then `file:line in function`."""
    told: list[str] = []
    current: BaseException | None = error
    while current is not None and len(told) < 100:
        told.append(type(current).__qualname__)
        frames = traceback.extract_tb(current.__traceback__)
        told += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-30:]]
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return told
