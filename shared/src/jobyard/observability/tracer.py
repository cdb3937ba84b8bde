"""Records the spans of a service, and sends them to a collector (OTLP over HTTP).

Imported by ``tracing.py`` where traces are asked for: OpenTelemetry takes 0.2 s.
"""

from __future__ import annotations

import threading
from random import randbytes
from typing import TYPE_CHECKING, Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
)
from typing_extensions import override

from jobyard.observability.collector import Collector
from jobyard.observability.resource import resource_of
from jobyard.observability.sampler import StorySampler, heeds_parents
from jobyard.observability.trace_context import TraceContext, current_trace
from jobyard.observability.trace_ids import TraceIds

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

    from jobyard.observability.messaging import Attributes

_SCOPE = "jobyard"
_NOWHERE: Context = contexts.Context()

CLOSE_SECONDS = 2.0
"""For what is not sent yet when a process ends; what the collector has not taken then is lost."""


class OpenSpan:
    """A span that has begun. Where the trace is not sampled, there is only its place: ``context``.

    Everything may be called in any thread, and does nothing where nothing is recorded.
    """

    __slots__ = ("_span", "context")

    def __init__(self, context: TraceContext, span: Span | None = None) -> None:
        self.context = context
        self._span = span

    @property
    def is_recorded(self) -> bool:
        """Whether what is said of it gets anywhere."""
        return self._span is not None

    def below(self) -> Context:
        """OpenTelemetry's context for what is part of it."""
        if self._span is None:
            return _BELOW_UNRECORDED
        return trace.set_span_in_context(self._span, _NOWHERE)

    def note(self, attributes: Attributes) -> None:
        """Says more about it."""
        if self._span is not None:
            self._span.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """Its name is known only now."""
        if self._span is not None:
            self._span.update_name(name)

    def happened(self, name: str, attributes: Attributes | None = None) -> None:
        """Something happened in it, now."""
        if self._span is not None:
            self._span.add_event(name, attributes)

    def fail(self, error_type: str, message: str = "") -> None:
        """It did not come to a good end."""
        if self._span is not None:
            self._span.set_attribute("error.type", error_type)
            self._span.set_status(StatusCode.ERROR, message or None)

    def raised(self, error_type: str, message: str, stacktrace: str, at_ns: int) -> None:
        """It ended with an error."""
        if self._span is None:
            return
        said = {
            "exception.type": error_type,
            "exception.message": message,
            "exception.stacktrace": stacktrace,
        }
        self._span.add_event("exception", said, at_ns)
        self.fail(error_type, message)

    def end(self, at_ns: int | None = None) -> None:
        """It is over, since ``at_ns`` (Unix time) where that is given; a second end is none."""
        if self._span is not None and self._span.is_recording():
            self._span.end(at_ns)


class _Unrecorded(NonRecordingSpan):
    """One for all jobs that are not recorded: where it is is looked up when somebody asks."""

    @override
    def get_span_context(self) -> SpanContext:
        place = current_trace.get()
        try:
            return INVALID_SPAN_CONTEXT if place is None else _remote(place)
        except ValueError:  # what a foreign record says
            return INVALID_SPAN_CONTEXT


_BELOW_UNRECORDED = trace.set_span_in_context(_Unrecorded(INVALID_SPAN_CONTEXT), _NOWHERE)


class Inside:
    """``with Inside(span):`` makes it the one that logs name, and that spans of tasks belong to."""

    __slots__ = ("_attached", "_span", "_token")

    def __init__(self, span: OpenSpan) -> None:
        self._span = span

    def __enter__(self) -> Self:
        self._token: Token[TraceContext | None] = current_trace.set(self._span.context)
        self._attached = contexts.attach(self._span.below())
        return self

    def __exit__(self, *_: object) -> None:
        contexts.detach(self._attached)
        current_trace.reset(self._token)


class Tracer:
    """Begins spans. One a process; ``close`` sends what is left."""

    def __init__(self, service: str) -> None:
        """``service`` as in ``worker``; all else is said by OpenTelemetry's own variables."""
        self._ids = TraceIds()
        self._provider = TracerProvider(
            resource=resource_of(service), shutdown_on_exit=False, id_generator=self._ids
        )
        self._sampler = self._provider.sampler
        self.heeds_parents = heeds_parents(self._sampler)
        """Whether nothing is recorded of what follows from a span that is not."""
        if self.heeds_parents:
            self._provider.sampler = StorySampler(self._sampler)
        self._batches = BatchSpanProcessor(Collector())
        self._provider.add_span_processor(self._batches)
        self._tracer = self._provider.get_tracer(_SCOPE)
        trace.set_tracer_provider(self._provider)  # for spans that tasks make themselves

    def unrecorded(self, parent: TraceContext | None) -> TraceContext | None:
        """The place of a request that is not recorded, as most are not; None for one that is.

        OpenTelemetry's own way takes twice as long. What it decides for this thread's next root is
        decided here, and by the same sampler.
        """
        if parent is not None:
            return None if parent.is_sampled or not self.heeds_parents else parent
        ids = randbytes(24).hex()  # noqa: S311 - as OpenTelemetry makes them: no secrets
        trace_id = int(ids[:32], 16)
        if self._sampler.should_sample(_NOWHERE, trace_id, "").decision is not Decision.DROP:
            self._ids.next = trace_id
            return None
        return TraceContext(ids[:32], ids[32:], False)

    def server(
        self, name: str, attributes: Attributes, parent: TraceContext | None = None
    ) -> OpenSpan:
        """A request, in the trace of whoever sent it."""
        return self._begin(name, SpanKind.SERVER, attributes, parent)

    def producer(
        self, name: str, attributes: Attributes, parent: TraceContext | None = None
    ) -> OpenSpan:
        """Jobs are stored."""
        return self._begin(name, SpanKind.PRODUCER, attributes, parent)

    def consumer(
        self,
        name: str,
        attributes: Attributes,
        parent: TraceContext | None = None,
        link: TraceContext | None = None,
    ) -> OpenSpan:
        """A job runs: as a part of the trace that asked for it, or as one of its own."""
        return self._begin(name, SpanKind.CONSUMER, attributes, parent, link)

    def internal(self, name: str, attributes: Attributes) -> OpenSpan:
        """Anything else of note, in a trace of its own."""
        return self._begin(name, SpanKind.INTERNAL, attributes)

    def relay(self, span: ReadableSpan) -> None:
        """A span that ended in another process is sent as one of this one's."""
        self._batches.on_end(span)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Sends what is left, for at most so long: a collector that is away holds up nothing."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(seconds)

    def _begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        parent: TraceContext | None = None,
        link: TraceContext | None = None,
    ) -> OpenSpan:
        before = parent or link
        if before is not None and not before.is_sampled and self.heeds_parents:
            return OpenSpan(before)
        span = self._tracer.start_span(
            name,
            _context_with(parent),
            kind,
            attributes,
            [Link(_remote(link))] if link is not None else (),
        )
        context = context_of(span.get_span_context())
        return OpenSpan(context, span if span.is_recording() else None)


def context_of(found: SpanContext) -> TraceContext:
    """OpenTelemetry's context of a span as ours."""
    return TraceContext(
        format_trace_id(found.trace_id), format_span_id(found.span_id), found.trace_flags.sampled
    )


def _remote(context: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), True, flags)


def _context_with(parent: TraceContext | None) -> Context:
    """Only what is named is the parent, whatever span is open in this thread."""
    if parent is None:
        return _NOWHERE
    return trace.set_span_in_context(NonRecordingSpan(_remote(parent)), _NOWHERE)
