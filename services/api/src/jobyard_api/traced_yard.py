"""The core of an API that records traces: each submission has a span, which its jobs name."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jobyard.errors import JobyardError
from jobyard.lanes import base_of
from jobyard.observability.messaging import sending
from jobyard.observability.trace_context import LINK, current_trace
from jobyard.store.records.submission import SubmitStatus
from jobyard_api.current_span import current_span
from jobyard_api.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from jobyard.observability.tracer import OpenSpan, Tracer
    from jobyard.store.records.job import JobRecord
    from jobyard.store.records.submission import Submission, Submitted

    Commit = Callable[[Sequence[Submission]], Awaitable[list[Submitted]]]

_batch_span: ContextVar[OpenSpan | None] = ContextVar("batch_span", default=None)


class TracedYard(Yard):
    """Stores as the other one does, in spans."""

    def __init__(self, tracer: Tracer, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tracer = tracer

    @override
    async def commit(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Stores submissions in one call."""
        return await self._in_span(submissions, super().commit)

    @override
    async def commit_together(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Stores submissions in one call of their own: all of them, or none."""
        return await self._in_span(submissions, super().commit_together)

    @override
    @contextmanager
    def batch(self, jobs: int) -> Iterator[None]:
        """What is stored in this ``with`` came as one batch of so many."""
        with self._span("", jobs) as span:
            token = _batch_span.set(span)
            try:
                yield
            finally:
                _batch_span.reset(token)

    @override
    async def cancel(self, job_id: str, owner: str | None) -> JobRecord:
        """Cancels a job that waits, asks a running one to stop; returns it as it is then."""
        record = await super().cancel(job_id, owner)
        if (span := current_span.get()) is not None:
            said = {"messaging.message.id": job_id, "jobyard.state": str(record.state)}
            span.happened("job.cancel", said)
        return record

    async def _in_span(self, submissions: Sequence[Submission], commit: Commit) -> list[Submitted]:
        if not submissions:
            return await commit(submissions)
        span = _batch_span.get() or self._unrecorded()
        if span is not None:
            return await commit(_part_of(span, submissions))
        with self._span(_queue_of(submissions), len(submissions)) as span:
            found = await commit(_part_of(span, submissions))
            _note(span, found)
        return found

    def _unrecorded(self) -> OpenSpan | None:
        """The request's own, where nothing below it is recorded either."""
        request = current_span.get()
        if request is None or request.is_recorded or not self._tracer.heeds_parents:
            return None
        return request

    @contextmanager
    def _span(self, queue: str, jobs: int) -> Iterator[OpenSpan]:
        name, attributes = sending(queue)
        if jobs != 1:
            attributes = {**attributes, "messaging.batch.message_count": jobs}
        span = self._tracer.producer(name, attributes, current_trace.get())
        try:
            yield span
        except JobyardError as error:
            span.fail(type(error).__name__)
            raise
        finally:
            span.end()


def _queue_of(submissions: Sequence[Submission]) -> str:
    """Empty where it is several."""
    queues = {base_of(one.queue) for one in submissions}
    return queues.pop() if len(queues) == 1 else ""


def _part_of(span: OpenSpan, submissions: Sequence[Submission]) -> list[Submission]:
    """Each names the span; several are no part of its trace, which nobody could read."""
    trace = span.context.traceparent
    if len(submissions) > 1 or span is _batch_span.get():
        trace += LINK
    return [one.traced(trace) for one in submissions]


def _note(span: OpenSpan, found: Sequence[Submitted]) -> None:
    """What came of one job; of several each says so itself."""
    if len(found) != 1:
        return
    [submitted] = found
    span.note({"messaging.message.id": submitted.id})
    if submitted.status is not SubmitStatus.CREATED:
        span.note({"jobyard.submit_status": str(submitted.status)})
