"""Keeps the spans that tasks make in a child, until the worker is told of them with the job's end.

Imported by ``tracing.py`` where traces are asked for. It has no thread, so it may be forked.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from jobyard.observability.relayed_spans import json_of
from jobyard.observability.resource import resource_of
from jobyard.observability.trace_context import parse_traceparent
from jobyard.observability.tracer import Inside, OpenSpan

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import ReadableSpan

MOST_SPANS = 1_000
"""Of one job; of more the last are kept, as they are next to what went wrong."""


class ChildTracer:
    """One a process."""

    def __init__(self, service: str) -> None:
        provider = TracerProvider(resource=resource_of(service), shutdown_on_exit=False)
        self._kept = _Kept()
        provider.add_span_processor(self._kept)
        trace.set_tracer_provider(provider)

    @staticmethod
    def inside(traceparent: str) -> AbstractContextManager[object] | None:
        """What runs in this ``with`` is part of the worker's span; None where there is none."""
        context = parse_traceparent(traceparent)
        return None if context is None else Inside(OpenSpan(context))

    def take(self) -> list[dict[str, Any]]:
        """What has ended since the last call, as JSON."""
        return json_of(self._kept.take())


class _Kept(SpanProcessor):
    def __init__(self) -> None:
        self._ended: deque[ReadableSpan] = deque(maxlen=MOST_SPANS)

    def on_end(self, span: ReadableSpan) -> None:  # type: ignore[explicit-override]  # typing.override comes with Python 3.12
        if span.context is not None and span.context.trace_flags.sampled:
            self._ended.append(span)

    def take(self) -> list[ReadableSpan]:
        """All of them, in the order of their ends; tasks' threads may go on adding."""
        return [self._ended.popleft() for _ in range(len(self._ended))]
