"""The span of each delivery: ``process <queue>``, from its start to its settlement.

One for each run of a job, whatever ran it: children and horses send the spans that tasks make
themselves to the worker, which alone talks to the collector.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jobyard.lanes import base_of
from jobyard.observability.messaging import processing
from jobyard.observability.relayed_spans import spans_of
from jobyard.observability.trace_context import (
    LINK,
    TraceContext,
    parse_traceparent,
    unrecorded_in,
)
from jobyard.observability.tracer import Inside, OpenSpan
from jobyard.store.records.delivery import REFUSED, Canceled, RQEnded, Settled, Succeeded
from jobyard_worker.execution import Execution
from jobyard_worker.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.observability.messaging import Attributes
    from jobyard.observability.tracer import Tracer
    from jobyard.store.records.delivery import Claimed, ErrorInfo, Settlement
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.execution import Elsewhere
    from jobyard_worker.executors.coroutines import Coroutines


class Traces:
    """Begins and ends the spans of one worker's deliveries."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, delivery: Delivery) -> OpenSpan:
        """Its span, which begins now unless it has begun."""
        if delivery.span is None:
            delivery.span = self._open(delivery.job)
        return delivery.span

    def inside(self, delivery: Delivery) -> Inside:
        """What runs in this ``with`` is part of its span."""
        return Inside(delivery.span or self.begin(delivery))

    def relay(self, spans: Sequence[Any]) -> None:
        """Spans that a child says have ended there."""
        for span in spans_of(spans):
            self._tracer.relay(span)

    def note(
        self,
        worker: str,
        batch: Iterable[tuple[Delivery, Settlement]],
        replies: Sequence[Settled],
    ) -> None:
        """The store has answered: each was stored, or refused."""
        offset = time.time() - time.monotonic()
        for (delivery, settlement), reply in zip(batch, replies, strict=True):
            span = delivery.span
            if span is not None and span.is_recorded:
                span.note({"messaging.client.id": worker, "jobyard.task": delivery.task})
                _end(span, settlement, reply, offset)

    def _open(self, job: Claimed) -> OpenSpan:
        if self._tracer.heeds_parents and (place := unrecorded_in(job.trace)):
            return OpenSpan(place)
        parent, link = origin_of(job)
        name, attributes = processing(base_of(job.queue))
        own: Attributes = {
            "messaging.message.id": job.id,
            "jobyard.attempt": job.attempts + 1,
            "jobyard.delivery": job.deliveries,
        }
        span = self._tracer.consumer(name, {**attributes, **own}, parent, link)
        if job.suspect:
            span.happened("job.rescued", {"jobyard.delivery": job.deliveries})
        return span


class TracedExecution(Execution):
    """Runs deliveries inside their spans."""

    def __init__(self, traces: Traces, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._traces = traces

    @override
    def run(self, delivery: Delivery, coroutines: Coroutines) -> Settlement:
        """Runs the job in this thread, or in a child; never raises."""
        with self._traces.inside(delivery):
            return super().run(delivery, coroutines)

    @override
    async def run_async(self, delivery: Delivery, elsewhere: Elsewhere) -> Settlement:
        """Runs the job on this event loop, what would block it ``elsewhere``; never raises."""
        with self._traces.inside(delivery):
            return await super().run_async(delivery, elsewhere)

    @override
    def run_for_rq(self, delivery: Delivery) -> RQEnded:
        """Runs a job of plain RQ code, and waits for it; never raises."""
        with self._traces.inside(delivery):
            return super().run_for_rq(delivery)


def origin_of(job: Claimed) -> tuple[TraceContext | None, TraceContext | None]:
    """What asked for the job: as the parent of this run, or as a mere link of it.

    A retry, a rescue, and a job of a batch have a trace of their own: one that gathers hours, or a
    thousand jobs, is none that anybody can read.
    """
    if not job.trace:
        return None, None
    text = job.trace.decode(errors="replace")
    context = parse_traceparent(text.removesuffix(LINK))
    if job.attempts or job.suspect or text.endswith(LINK):
        return None, context
    return context, None


def _end(span: OpenSpan, settlement: Settlement, reply: Settled, offset: float) -> None:
    ended_ns = int((settlement.ended + offset) * 1e9)
    span.note({"jobyard.outcome": reply.value if reply in REFUSED else outcome_of(settlement)})
    error = _error_of(settlement)
    if error is not None:
        span.raised(error.type, error.message, error.traceback, ended_ns)
    elif reply in REFUSED:
        span.fail(reply.value)
    span.end(ended_ns)


def _error_of(settlement: Settlement) -> ErrorInfo | None:
    """Why it ended badly; to be canceled is none of the task's errors."""
    if isinstance(settlement, (Succeeded, Canceled)):
        return None
    error: ErrorInfo | None = getattr(settlement, "error", None)
    return error
