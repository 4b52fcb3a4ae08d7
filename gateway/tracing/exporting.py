"""OpenTelemetry's side of tracing, imported only where a collector is named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode

from gateway import __version__
from gateway.logs import origin

_CLOSES_WITHIN_MS = 1000
_KINDS = {
    (True, False): SpanKind.SERVER,
    (False, True): SpanKind.CLIENT,
    (False, False): SpanKind.INTERNAL,
}

# Whether the span that is being made is the first of its trace.
_begins: ContextVar[bool] = ContextVar("gateway_span_begins", default=False)


def open_tracer() -> OpenTelemetryTracer:
    """Send spans to the collector that the environment names, in batches, from a thread."""
    provider = new_provider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetryTracer(provider)


def new_provider() -> TracerProvider:
    """A provider whose ids are made of origins."""
    name = os.environ.get("OTEL_SERVICE_NAME") or "channel-gateway"
    resource = Resource.create({SERVICE_NAME: name, SERVICE_VERSION: __version__})
    # Not at exit: a collector that does not answer would hold the process up.
    return TracerProvider(id_generator=_Ids(), resource=resource, shutdown_on_exit=False)


def trace_id_of(name: str) -> int:
    """The trace of an origin."""
    return int.from_bytes(hashlib.sha256(f"trace {name}".encode()).digest()[:16], "big")


def first_span_id_of(name: str) -> int:
    """The span with which the trace of an origin begins."""
    return int.from_bytes(hashlib.sha256(f"span {name}".encode()).digest()[:8], "big")


class _Ids(RandomIdGenerator):
    """Chance, but for what follows from an origin."""

    def generate_trace_id(self) -> int:
        name = origin()
        return super().generate_trace_id() if name is None else trace_id_of(name)

    def generate_span_id(self) -> int:
        name = origin() if _begins.get() else None
        return super().generate_span_id() if name is None else first_span_id_of(name)


class OpenTelemetryTracer:
    """Makes spans with OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("gateway", __version__)

    @contextmanager
    def span(
        self, name: str, attributes: Mapping[str, Any], *, begins: bool, calls: bool
    ) -> Iterator[_Span]:
        """Make a span: the first of its trace, or under the one it lies in, or under the first."""
        context = Context() if begins else self._above()
        token = _begins.set(begins)
        try:
            made = self._tracer.start_span(
                name,
                context=context,
                kind=_KINDS[begins, calls],
                record_exception=False,  # an error's words may be a customer's
                set_status_on_exception=False,
            )
        finally:
            _begins.reset(token)
        told = _Span(made)
        told.note(origin=origin(), **attributes)
        with trace.use_span(
            made, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield told
            except BaseException as error:
                made.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def headers(self) -> dict[str, str]:
        """What carries the current span on."""
        carried: dict[str, str] = {}
        propagate.inject(carried)
        return carried

    def close(self) -> None:
        """Send what is left, within a second."""
        self._provider.force_flush(_CLOSES_WITHIN_MS)

    def _above(self) -> Context | None:
        """The context to make a span in; None: the current one, which has a span already."""
        name = origin()
        if name is None or trace.get_current_span().get_span_context().is_valid:
            return None
        first = trace_id_of(name)
        # As its first span was sampled, by the trace's id, so are all others of it.
        decision = self._provider.sampler.should_sample(Context(), first, "").decision
        sampled = decision is Decision.RECORD_AND_SAMPLE
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else 0)
        above = SpanContext(first, first_span_id_of(name), True, flags)
        return trace.set_span_in_context(NonRecordingSpan(above), Context())


class _Span:
    """A span of OpenTelemetry's, as far as we use it."""

    def __init__(self, made: trace.Span) -> None:
        self._made = made

    def note(self, **attributes: str | int | bool | None) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._made.set_attribute(f"gateway.{name}", value)
