"""Traces: spans from a notification to the push that answers it, for whoever looks at them.

An extra (`pip install 'channel-gateway[otel]'`), on where OTEL_EXPORTER_OTLP_ENDPOINT names a
collector; without both, a span is nothing and costs next to nothing. A trace's id is made of the
origin (`logs.origin`), so the processes that work on something agree on it, and no row needs to
carry more than the origin itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either of them, as OpenTelemetry has it; the SDK reads this and its other variables itself."""


class Span(Protocol):
    """What is being done, for as long as it takes."""

    def note(self, **attributes: str | int | bool | None) -> None:
        """Tell more of it: ids and outcomes, never words of anybody."""
        ...


class Tracer(Protocol):
    """Where spans go."""

    def span(
        self, name: str, attributes: Mapping[str, Any], *, begins: bool, calls: bool
    ) -> AbstractContextManager[Span]: ...

    def headers(self) -> dict[str, str]: ...

    def close(self) -> None: ...


class _Nothing:
    """The span of an untraced process."""

    def note(self, **attributes: str | int | bool | None) -> None: ...


_UNTRACED: AbstractContextManager[Span] = nullcontext(_Nothing())
_tracer: Tracer | None = None


def span(
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    begins: bool = False,
    calls: bool = False,
) -> AbstractContextManager[Span]:
    """A span in the trace of the present origin, for a `with`.

    `begins`: it is the first of its trace, from which all others follow. `calls`: it waits for
    somebody else.
    """
    if _tracer is None:
        return _UNTRACED
    return _tracer.span(name, attributes or {}, begins=begins, calls=calls)


def trace_headers() -> dict[str, str]:
    """What carries the trace on to whom we call (W3C `traceparent`); nothing if untraced."""
    return {} if _tracer is None else _tracer.headers()


def set_up_tracing(environ: Mapping[str, str] = os.environ) -> None:
    """Trace in this process from now on, if a collector is named; said if that cannot be."""
    if any(environ.get(name) for name in ENDPOINTS):
        try:
            from gateway.tracing.exporting import open_tracer
        except ImportError as missing:
            log.warning("traces_off", error=f"install the extra otel ({missing})")
            return
        trace_with(open_tracer())


def trace_with(tracer: Tracer | None) -> None:
    """Send spans there; None: nowhere."""
    global _tracer
    _tracer = tracer


def close_tracing() -> None:
    """Send what is still to be sent, within a second."""
    if _tracer is not None:
        _tracer.close()


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Send spans there for a while."""
    trace_with(tracer)
    try:
        yield
    finally:
        trace_with(None)
