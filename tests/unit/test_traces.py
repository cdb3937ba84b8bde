"""Traces without services: which are recorded, what is a part of what, how spans leave a child."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags
from pydantic_core import from_json, to_json

from jobyard.errors import ConfigurationError
from jobyard.observability.relayed_spans import json_of, spans_of
from jobyard.observability.sampler import StorySampler
from jobyard.observability.trace_context import TraceContext, parse_traceparent, unrecorded_in
from jobyard.observability.tracing import is_traced, start_tracing
from jobyard_worker.traces import origin_of
from support.builders import build_claimed
from support.collector import Collector
from support.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.observability.tracer import Tracer

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        yield collector


@pytest.fixture
def tracer(collector: Collector, request: pytest.FixtureRequest) -> Iterator[Tracer]:
    """One that sends to ``collector``."""
    tracer = start_tracing("worker")
    assert tracer is not None
    yield tracer
    tracer.close()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({ENDPOINT: "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({ENDPOINT: " "}, False),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_usual_variables_turn_traces_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, expected: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert is_traced() is expected


def test_variables_that_contradict_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")

    with pytest.raises(ConfigurationError, match="OTEL_"):
        start_tracing("worker")


@pytest.mark.parametrize(
    "modules",
    [
        "jobyard.connection, jobyard_worker.worker",  # as jobyard-worker does
        "jobyard_worker.keeper",
        "jobyard_worker.child",
        "jobyard_worker.rqjobs.stable",
        "jobyard_scheduler.main",
        "jobyard_cli.main",
    ],
)
def test_nothing_of_opentelemetry_is_imported_where_no_collector_is_named(modules: str) -> None:
    text = (
        f"import sys, {modules}\n"
        "from jobyard.observability.tracing import start_child_tracing, start_tracing\n"
        "assert start_tracing('worker') is start_child_tracing() is None\n"
        "found = [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "assert not found, found"
    )

    subprocess.run([sys.executable, "-c", text], check=True, env=clean_environment())


def test_an_api_imports_no_more_of_it_than_its_framework_does() -> None:
    text = (
        "import sys, jobyard_api.main\n"
        "from jobyard.observability.tracing import start_tracing\n"
        "assert start_tracing('api') is None\n"
        "assert 'opentelemetry.sdk' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", text], check=True, env=clean_environment())


def test_what_a_job_names_is_its_first_run_s_parent_and_a_link_of_all_others() -> None:
    named = TraceContext(TRACE, SPAN, is_sampled=True)
    trace = SAMPLED.encode()

    assert origin_of(build_claimed(trace=trace)) == (named, None)
    assert origin_of(build_claimed(trace=trace, attempts=1)) == (None, named)
    assert origin_of(build_claimed(trace=trace, suspect=True)) == (None, named)
    assert origin_of(build_claimed(trace=trace + b";link")) == (None, named)
    assert origin_of(build_claimed()) == (None, None)
    assert origin_of(build_claimed(trace=b"\xff nonsense")) == (None, None)


def test_the_quick_look_at_a_job_finds_what_the_thorough_one_does() -> None:
    assert unrecorded_in(NOT_SAMPLED.encode()) == parse_traceparent(NOT_SAMPLED)
    assert unrecorded_in(NOT_SAMPLED.encode() + b";link") == parse_traceparent(NOT_SAMPLED)
    assert unrecorded_in(SAMPLED.encode()) is None
    assert unrecorded_in(b"") is None


def test_a_traceparent_is_read_as_it_was_written() -> None:
    for text in (SAMPLED, NOT_SAMPLED):
        context = parse_traceparent(text)
        assert context is not None
        assert context.traceparent == text


@pytest.mark.parametrize("root", [ALWAYS_ON, ALWAYS_OFF])
@pytest.mark.parametrize("is_sampled", [True, False])
def test_a_root_with_a_link_is_recorded_as_what_it_names(root: object, *, is_sampled: bool) -> None:
    sampler = StorySampler(ParentBased(root))  # type: ignore[arg-type]  # their constants are untyped
    flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
    link = Link(SpanContext(1, 2, is_remote=True, trace_flags=flags))

    linked = sampler.should_sample(None, 7, "process q", links=[link])
    alone = sampler.should_sample(None, 7, "process q")

    assert (
        linked.decision
        == (ALWAYS_ON if is_sampled else ALWAYS_OFF).should_sample(None, 7, "").decision
    )
    assert alone.decision == root.should_sample(None, 7, "").decision  # type: ignore[attr-defined]


def test_a_request_that_was_chosen_is_recorded(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")
    tracer = start_tracing("api")
    assert tracer is not None

    begun = [tracer.server("GET", {}) for _ in range(300) if tracer.unrecorded(None) is None]
    tracer.close()

    assert begun
    assert all(span.is_recorded for span in begun)


def test_a_span_ends_once(tracer: Tracer, collector: Collector) -> None:
    span = tracer.internal("once", {})

    span.end(span_end := 2_000_000_000_000_000_000)
    span.end()

    [received] = collector.wait_for("once")
    assert received.end_ns == span_end


def test_a_child_s_span_arrives_as_it_was_made(tracer: Tracer, collector: Collector) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    begin = provider.get_tracer("tests").start_as_current_span
    with begin("outer"), begin("inner") as inner:
        inner.set_attributes({"text": "é", "numbers": [1, 2], "odd": float("inf")})
        inner.add_event("happened", {"at": 1})
        inner.add_link(SpanContext(3, 4, is_remote=True, trace_flags=TraceFlags(1)))
        inner.set_status(StatusCode.ERROR, "no")

    for span in spans_of(from_json(to_json(json_of(kept.get_finished_spans())))):
        tracer.relay(span)

    [received] = collector.wait_for("inner")
    [outer] = collector.wait_for("outer")
    assert received.is_part_of(outer)
    assert received.attributes == {"text": "é", "numbers": [1, 2], "odd": "inf"}
    assert received.events == {"happened": {"at": 1}}
    assert received.links == ((f"{3:032x}", f"{4:016x}"),)
    assert received.is_error
    assert received.scope == "tests"


def test_what_a_child_says_that_is_no_span_is_passed_over() -> None:
    garbage = [None, 1, "x", {}, {"context": None}, {"context": ["zz", "1", 1, ""], "status": [1]}]

    assert list(spans_of(garbage)) == []
