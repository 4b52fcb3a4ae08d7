"""A collector of traces as OpenTelemetry's exporters know it: OTLP over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.tracing.exporting import trace_id_of


@dataclass
class Seen:
    """One span that came in; `parent` is None for the first of a trace."""

    name: str
    parent: bytes | None
    noted: dict[str, Any] = field(default_factory=dict)


class Collector:
    """Takes what is posted to `/v1/traces`."""

    def __init__(self) -> None:
        self.raw = b""
        self.traces: dict[bytes, dict[bytes, Seen]] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        assert environ["PATH_INFO"] == "/v1/traces"
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.traces.setdefault(span.trace_id, {})[span.span_id] = Seen(
                        span.name,
                        span.parent_span_id or None,
                        {one.key: one.value.string_value or one.value.int_value
                         for one in span.attributes},
                    )  # fmt: skip
        start_response("200 OK", [("Content-Type", "application/x-protobuf")])
        return [b""]

    def trace_of(self, origin: str) -> dict[bytes, Seen]:
        """The spans of what follows from an origin, by their ids."""
        return self.traces[trace_id_of(origin).to_bytes(16, "big")]
