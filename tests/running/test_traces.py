"""Spans: off they cost nothing, on they agree between processes about ids and about sampling."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import responses
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from gateway import tracing
from gateway.logs import about
from gateway.tracing import exporting
from tests.agents.http_agent import ANSWER, URL, agent
from tests.agents.turns import asked


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = exporting.new_provider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.tracing(exporting.OpenTelemetryTracer(provider)):
        yield exporter
    provider.shutdown()


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, gateway.app, gateway.sync.scheduler, gateway.tracing as t;"
        "t.set_up_tracing({});"
        # redis-py looks for the API, if it is there, for purposes of its own.
        "heavy = ('gateway.tracing.exporting', 'opentelemetry.sdk.trace');"
        "sys.exit(any(name.startswith(heavy) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_collector_without_the_extra_is_said_and_does_no_harm() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None;"
        "import gateway.tracing as t;"
        "t.set_up_tracing({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'});"
        "t.span('x').__enter__().note(a=1)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "traces_off" in ran.stdout + ran.stderr


def test_what_another_process_does_hangs_below_the_first_span(kept: InMemorySpanExporter) -> None:
    with about(origin="dlv_1"), tracing.span("receive", begins=True):
        pass
    with about(origin="dlv_1"), tracing.span("turn"), tracing.span("ask", calls=True):
        pass
    receive, ask, turn = kept.get_finished_spans()
    assert (receive.name, turn.name, ask.name) == ("receive", "turn", "ask")
    assert receive.parent is None
    assert turn.parent is not None
    assert turn.parent.span_id == receive.context.span_id
    assert ask.parent is not None
    assert ask.parent.span_id == turn.context.span_id
    assert len({one.context.trace_id for one in (receive, turn, ask)}) == 1
    with about(origin="dlv_2"), tracing.span("receive", begins=True):
        pass
    assert kept.get_finished_spans()[-1].context.trace_id != receive.context.trace_id


def test_an_error_is_told_by_its_kind_not_by_its_words(kept: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="words"), tracing.span("turn"):
        raise ValueError("a customer's words")
    (span,) = kept.get_finished_spans()
    assert span.status.description == "ValueError"
    assert "words" not in span.to_json()


def test_whole_traces_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    provider = exporting.new_provider()
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.tracing(exporting.OpenTelemetryTracer(provider)):
        for number in range(60):
            with about(origin=f"dlv_{number}"), tracing.span("receive", begins=True):
                pass
            with about(origin=f"dlv_{number}"), tracing.span("turn"):
                pass
    spans = exporter.get_finished_spans()
    first = {one.context.trace_id for one in spans if one.name == "receive"}
    assert first == {one.context.trace_id for one in spans if one.name == "turn"}
    assert 10 < len(first) < 50
    provider.shutdown()


@responses.activate
def test_the_agent_is_told_the_trace_it_is_asked_in(kept: InMemorySpanExporter) -> None:
    responses.post(URL, json=ANSWER)
    with about(origin="dlv_1"), tracing.span("turn"):
        agent().ask(asked("Hi"))
    told = responses.calls[0].request.headers["traceparent"]
    assert f"-{exporting.trace_id_of('dlv_1'):032x}-" in told


@responses.activate
def test_an_agent_is_told_of_no_trace_where_there_is_none() -> None:
    responses.post(URL, json=ANSWER)
    with capture_logs():
        agent().ask(asked("Hi"))
    assert "traceparent" not in responses.calls[0].request.headers
