"""Logging: JSON lines on standard error, key events only, never a body or a secret."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logging(level: int = logging.INFO) -> None:
    """Set structlog up for this process; harmless when called again."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
