"""The trace that a request belongs to: as its span says, or its ``traceparent`` header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.trace_context import TraceContext, parse_traceparent

if TYPE_CHECKING:
    from starlette.types import Scope

_HEADER = b"traceparent"
_PLACE = "trace"


def note_trace(scope: Scope, context: TraceContext) -> None:
    """The request is part of this from now on, whatever its header says."""
    scope["state"][_PLACE] = context


def trace_id_of(scope: Scope) -> str | None:
    """32 hexadecimal digits; None where it belongs to no trace that anybody knows."""
    context = scope.get("state", {}).get(_PLACE) or context_in(scope)
    return context.trace_id if context else None


def context_in(scope: Scope) -> TraceContext | None:
    """What the header says (W3C Trace Context 2); None without one that is sound."""
    given = [value for name, value in scope["headers"] if name == _HEADER]
    return parse_traceparent(given[0].decode("latin-1")) if len(given) == 1 else None
