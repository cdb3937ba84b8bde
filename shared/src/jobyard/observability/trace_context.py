"""Where in a trace something happens, as text that travels with a job (W3C Trace Context 2).

Used by every service, also where no traces are recorded: nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

LINK = ";link"
"""Ends the ``trace`` of a job whose runs are not part of the trace that asked for it: a batch's."""

_SAMPLED = 1
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_VERSION_0 = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")
_LATER = re.compile(r"(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|\Z)")


class TraceContext(NamedTuple):
    """One span as others refer to it: 32 and 16 hexadecimal digits, and whether it is recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        """As the header has it."""
        return f"00-{self.trace_id}-{self.span_id}-0{self.is_sampled:d}"


def parse_traceparent(text: str) -> TraceContext | None:
    """What a header says; None where it is not sound: an id that is made up leads nowhere."""
    found = _VERSION_0.match(text) or _LATER.match(text)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def unrecorded_in(trace: bytes) -> TraceContext | None:
    """The place that the ``trace`` of a job names where it is not recorded, as most are not.

    In a third of the time that it takes to look whether it is sound: nothing is sent of it.
    """
    if trace[_FLAGS] != _NOT_SAMPLED:
        return None
    text = trace.decode("latin-1")
    return TraceContext(text[3:35], text[36:52], False)


_FLAGS, _NOT_SAMPLED = slice(52, 55), b"-00"

current_trace: ContextVar[TraceContext | None] = ContextVar("current_trace", default=None)
"""The span of the request, or of the run of a job, that this is a part of."""


def fields_of(trace: TraceContext | None) -> dict[str, str]:
    """What lines of the log say of it."""
    return {} if trace is None else {"trace_id": trace.trace_id, "span_id": trace.span_id}
