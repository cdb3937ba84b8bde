"""Ids of traces; whether one is recorded may be decided before its first span begins."""

from __future__ import annotations

import threading

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from typing_extensions import override


class TraceIds(RandomIdGenerator, threading.local):
    """Random ones; ``next`` is the id of the next trace that begins in this thread, 0 for any."""

    next: int = 0

    @override
    def generate_trace_id(self) -> int:
        """As OpenTelemetry's."""
        if self.next:
            trace_id, self.next = self.next, 0
            return trace_id
        return super().generate_trace_id()
