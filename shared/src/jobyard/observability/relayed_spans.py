"""Spans that ended in a process which runs tasks for a worker, as JSON on their way to it.

Such a process is killed when it is not needed any more, and may be forked for one job alone: it
talks to no collector.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def json_of(spans: Iterable[ReadableSpan]) -> list[dict[str, Any]]:
    """Each as what JSON can carry."""
    return [_json_of(span) for span in spans]


def spans_of(found: Sequence[Any]) -> Iterator[ReadableSpan]:
    """The spans of ``json_of``. What is none is passed over: a task may write into any pipe."""
    for each in found:
        try:
            yield _span_of(each)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            continue


def _json_of(span: ReadableSpan) -> dict[str, Any]:
    scope = span.instrumentation_scope
    return {
        "name": span.name,
        "context": _context_json(span.context),
        "parent": _context_json(span.parent),
        "kind": span.kind.value,
        "start": span.start_time,
        "end": span.end_time,
        "attributes": _plain(span.attributes),
        "events": [
            [event.name, event.timestamp, _plain(event.attributes)] for event in span.events
        ],
        "links": [[_context_json(link.context), _plain(link.attributes)] for link in span.links],
        "status": [span.status.status_code.value, span.status.description],
        "scope": [scope.name, scope.version, scope.schema_url] if scope else [""],
        "resource": _plain(span.resource.attributes),
    }


def _span_of(found: Mapping[str, Any]) -> ReadableSpan:
    context = _context_of(found["context"])
    if context is None:
        raise ValueError("a span without a place in a trace")
    code, description = found["status"]
    return ReadableSpan(
        name=str(found["name"]),
        context=context,
        parent=_context_of(found["parent"]),
        kind=SpanKind(found["kind"]),
        start_time=int(found["start"]),
        end_time=int(found["end"]),
        attributes=dict(found["attributes"]),
        events=[Event(name, dict(said), int(at)) for name, at, said in found["events"]],
        links=[
            Link(linked, dict(said))
            for context, said in found["links"]
            if (linked := _context_of(context)) is not None
        ],
        status=Status(StatusCode(code), description),
        instrumentation_scope=InstrumentationScope(*found["scope"]),
        resource=Resource(dict(found["resource"])),
    )


def _context_json(context: SpanContext | None) -> list[Any] | None:
    if context is None:
        return None
    state = context.trace_state.to_header() if context.trace_state else ""
    return [f"{context.trace_id:x}", f"{context.span_id:x}", int(context.trace_flags), state]


def _context_of(found: Sequence[Any] | None) -> SpanContext | None:
    if found is None:
        return None
    trace_id, span_id, flags, state = found
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(flags),
        trace_state=TraceState.from_header([state]) if state else None,
    )


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {str(name): _carried(value) for name, value in (attributes or {}).items()}


def _carried(value: Any) -> Any:
    """What JSON has no word for goes as its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_carried(each) for each in value]
    return str(value)
