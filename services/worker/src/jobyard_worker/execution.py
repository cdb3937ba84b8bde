"""Runs one delivery to its settlement. Whatever a task raises ends here, and nowhere else."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_json

from jobyard.context import Context
from jobyard.errors import (
    JobCanceledError,
    ResultNotStorableError,
    ResultTooLargeError,
    UnreadableJobError,
)
from jobyard.follow_ups import submissions_of
from jobyard.observability.logging import LogFields, get_logger, log_context
from jobyard.store.data import decode_data
from jobyard.store.records.delivery import JournalEntry, RQEnded, Succeeded
from jobyard_worker.executors.coroutines import Watched
from jobyard_worker.job_fields import fields_of
from jobyard_worker.outcome import ending_of, settlement_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from jobyard.follow_ups import FollowUps
    from jobyard.registry import Registry
    from jobyard.store.data import JobData
    from jobyard.store.records.delivery import Claimed, Settlement
    from jobyard.task import Task
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.executors.coroutines import Coroutines
    from jobyard_worker.outcome import Ending

    class RQHandlers(Protocol):
        """Runs jobs that plain RQ code enqueued."""

        def takes(self, job: Claimed) -> bool:
            """Whether the job is one for it."""
            ...

        def run(self, delivery: Delivery) -> RQEnded:
            """Blocks until the job ended."""
            ...

    class Isolation(Protocol):
        """Runs a job where it can be killed."""

        def run(self, delivery: Delivery) -> Succeeded | Ending:
            """Blocks until the job ended."""
            ...

    Elsewhere = Callable[[Delivery], Awaitable[Settlement]]


_log = get_logger(__name__)


class _NoRQ:
    """For a worker without RQ's handlers."""

    def takes(self, job: Claimed) -> bool:
        del job
        return False

    def run(self, delivery: Delivery) -> RQEnded:
        raise NotImplementedError(delivery.job.id)


_TAKES_NONE = _NoRQ()


class Execution:
    """Turns a delivery into a settlement; used by the slots of every executor."""

    def __init__(
        self,
        registry: Registry,
        isolation: Isolation,
        *,
        crash_budget: int,
        max_result_bytes: int,
        report: Callable[[Delivery], None],
        follow_ups: FollowUps,
        rider: RQHandlers = _TAKES_NONE,
    ) -> None:
        """``report`` is told that a delivery has new progress; ``rider`` runs jobs of plain RQ."""
        self._max_result_bytes = max_result_bytes
        self._rider = rider
        self._registry = registry
        self._isolation = isolation
        self._crash_budget = crash_budget
        self._report = report
        self._follow_ups = follow_ups

    def run(self, delivery: Delivery, coroutines: Coroutines) -> Settlement:
        """Runs the job in this thread, or in a child; never raises."""
        started = time.monotonic()
        with LogFields(**fields_of(delivery)):
            try:
                end = self._attempt(delivery, coroutines, started)
            except BaseException as error:  # noqa: BLE001 - the job boundary: SystemExit is a failure too
                end = ending_of(error, started, time.monotonic())
        return end if isinstance(end, (Succeeded, RQEnded)) else self.settlement(delivery, end)

    async def run_async(self, delivery: Delivery, elsewhere: Elsewhere) -> Settlement:
        """Runs the job on this event loop, what would block it ``elsewhere``; never raises."""
        started = time.monotonic()
        with LogFields(**fields_of(delivery)):
            try:
                if self.is_for_rq(delivery):
                    return await elsewhere(delivery)
                data, task = self._open(delivery)
                if not task.is_async or task.isolated or delivery.job.suspect:
                    return await elsewhere(delivery)
                return await self._await_here(delivery, task, data.payload, started)
            except BaseException as error:  # noqa: BLE001 - as above
                return self.settlement(delivery, ending_of(error, started, time.monotonic()))

    def settlement(self, delivery: Delivery, end: Succeeded | Ending) -> Settlement:
        """What the store is told of an end."""
        if isinstance(end, Succeeded):
            return end
        return settlement_of(
            delivery.job, end, crash_budget=self._crash_budget, random=random.random
        )

    def is_apart(self, delivery: Delivery) -> bool:
        """Whether the job needs a child of its own; notes the name of its task."""
        delivery.task = delivery.job.task or _task_in(delivery.job.data)
        task = self._registry.by_name.get(delivery.task)
        return delivery.job.suspect or (task is not None and task.isolated)

    def is_for_rq(self, delivery: Delivery) -> bool:
        """Whether the job is one of plain RQ code that RQ's handlers run."""
        return self._rider.takes(delivery.job)

    def run_for_rq(self, delivery: Delivery) -> RQEnded:
        """Runs such a job, and waits for it; never raises."""
        return self._rider.run(delivery)

    def _open(self, delivery: Delivery) -> tuple[JobData, Task]:
        if delivery.is_canceled:
            raise JobCanceledError("canceled before it started")
        if delivery.job.fault:
            raise UnreadableJobError(delivery.job.fault)
        data = decode_data(delivery.job.data)
        delivery.task = data.task
        if not delivery.job.task:  # only the data says which
            log_context.set({**log_context.get(), "task": data.task})
        task = self._registry.get(data.task)
        _log.debug("job.started")
        return data, task

    def _attempt(
        self, delivery: Delivery, coroutines: Coroutines, started: float
    ) -> Succeeded | RQEnded | Ending:
        if self.is_for_rq(delivery):
            return self.run_for_rq(delivery)
        data, task = self._open(delivery)
        if task.isolated or delivery.job.suspect:
            return self._isolation.run(delivery)
        context = self._context(delivery, task) if task.payload.context_parameter else None
        value = call(task, data.payload, context)
        if task.is_async:
            value = self._finish(delivery, value, coroutines)
        return self._success(delivery, task, value, context, started)

    def _finish(self, delivery: Delivery, coroutine: Any, coroutines: Coroutines) -> Any:
        watched = Watched(limit_of(delivery.job.timeout_seconds))
        delivery.stop_by(watched.stop)
        try:
            return coroutines.run(coroutine, watched)
        finally:
            delivery.stop = None

    async def _await_here(
        self, delivery: Delivery, task: Task, payload: dict[str, Any], started: float
    ) -> Succeeded:
        context = self._context(delivery, task) if task.payload.context_parameter else None
        watched = Watched(limit_of(delivery.job.timeout_seconds))
        delivery.stop_by(watched.stop)
        try:
            value = await watched.run(call(task, payload, context))
        finally:
            delivery.stop = None
        return self._success(delivery, task, value, context, started)

    def _success(
        self,
        delivery: Delivery,
        task: Task,
        value: Any,
        context: Context | None,
        started: float,
    ) -> Succeeded:
        ended = time.monotonic()
        job = delivery.job
        return Succeeded(
            id=job.id,
            token=job.token,
            started=started,
            ended=ended,
            result=result_json(task.name, value, self._max_result_bytes),
            attempt=job.attempts + 1,
            journal=journal_of(context),
            follow_ups=submissions_of(context.follow_ups) if context else (),
        )

    def _context(self, delivery: Delivery, task: Task) -> Context:
        def keep(value: bytes) -> None:
            delivery.progress = value
            self._report(delivery)

        job = delivery.job
        return Context(
            job_id=job.id,
            task=task.name,
            queue=job.queue,
            attempt=job.attempts + 1,
            token=job.token,
            timeout_seconds=limit_of(job.timeout_seconds),
            cancelled=delivery.cancel_event(),
            report=keep,
            follow_up=self._follow_ups.record,
            retry=job.retry,
        )


def _task_in(data: bytes) -> str:
    """The task that plain RQ code asks for; empty where that cannot be read, as its child says."""
    try:
        return decode_data(data).task
    except UnreadableJobError:
        return ""


def call(task: Task, payload: dict[str, Any], context: Context | None) -> Any:
    """Calls the task's function with its payload and, where it asks for one, its context.

    Returns:
        What it returned: the coroutine of an ``async def`` one.

    Raises:
        InvalidPayloadError: The payload does not fit; beside it whatever the task raises.
    """
    arguments = task.payload.bind(payload)
    if task.payload.context_parameter:
        arguments[task.payload.context_parameter] = context
    return task.function(**arguments)


def limit_of(timeout_seconds: float | None) -> float | None:
    """The time limit of a job: RQ writes -1 (or nothing) for none."""
    return timeout_seconds if timeout_seconds is not None and timeout_seconds > 0 else None


def result_json(task: str, value: Any, most_bytes: int) -> bytes:
    """``value`` as JSON text.

    What cannot be sent within the store's timeout would be sent again for ever, and hold up
    whatever else the worker has to settle.

    Raises:
        ResultNotStorableError: JSON cannot carry it; the message says what to return instead.
        ResultTooLargeError: It is longer than ``most_bytes``.
    """
    if value is None:
        return b"null"
    try:
        result = to_json(value, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise ResultNotStorableError(
            f"Task {task!r} returned a {type(value).__name__} that JSON cannot carry ({error}). "
            "Return dicts, lists, text, numbers, booleans, None, dates or pydantic models."
        ) from None
    if len(result) > most_bytes:
        raise ResultTooLargeError(task, len(result), most_bytes)
    return result


def journal_of(context: Context | None) -> tuple[JournalEntry, ...]:
    """The lines that a task left."""
    if context is None:
        return ()
    return tuple(
        JournalEntry(name, line.encode(errors="backslashreplace").decode())
        for name, line in context.lines
    )
