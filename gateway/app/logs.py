"""Logging: JSON lines on standard error, key events only, never a body or a secret."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog


def set_up_logging(level: int = logging.INFO) -> None:
    """Set structlog up for this process; harmless when called again."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            frames_only,
            structlog.processors.JSONRenderer(default=repr),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


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
