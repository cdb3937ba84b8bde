"""What a task is told about its job, and how it reports back. Built by the worker, or in tests."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.errors import (
    ConfigurationError,
    JobCanceledError,
    JobTimeoutError,
    ResultNotStorableError,
)
from jobyard.queues import check_name
from jobyard.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

MAX_LINE_CHARACTERS = 4_096
MAX_LINES = 1_000
MAX_FOLLOW_UPS = 100
MAX_FOLLOW_UP_BYTES = 4 * 1024 * 1024
"""Of all payloads together: they are stored in one step with the job's success."""


class Context:
    """Filled into the parameter of a task that is annotated ``Context``.

    Attributes:
        job_id: The job that runs.
        task: The task's name.
        queue: The queue that the job came from.
        attempt: 1 for the first run, 2 for the first retry …
        token: The id of this delivery; another delivery of the same job has another.
        deadline: When the timeout ends (UTC), None without one.
        cancelled: Set when the job was asked to cancel.
        lines: ``(journal, line)`` collected so far; stored only if the job succeeds.
        follow_ups: Jobs enqueued so far, as JSON objects; stored only if the job succeeds.
    """

    __slots__ = (
        "__weakref__", "_ends", "_follow_up", "_follow_up_bytes", "_log", "_report", "_retry",
        "attempt", "cancelled", "deadline", "follow_ups", "job_id", "lines", "queue", "task",
        "token",
    )  # fmt: skip

    def __init__(
        self,
        *,
        job_id: str,
        task: str,
        queue: str,
        attempt: int = 1,
        token: str = "",
        timeout_seconds: float | None = None,
        cancelled: threading.Event | None = None,
        report: Callable[[bytes], object] | None = None,
        follow_up: Callable[..., dict[str, Any]] | None = None,
        retry: bytes = b"",
    ) -> None:
        """What the worker gives; the timeout counts from now.

        Args:
            job_id: See the class, as for the others.
            task: The task's name.
            queue: The queue that the job came from.
            attempt: Counted from 1.
            token: The id of the delivery.
            timeout_seconds: None for no timeout.
            cancelled: Set by the worker when the job was asked to cancel.
            report: Takes each progress value as JSON text.
            follow_up: Makes the record of a job that is to be enqueued (``FollowUps.record``).
            retry: The job's retry policy as JSON text.
        """
        self.job_id = job_id
        self.task = task
        self.queue = queue
        self.attempt = attempt
        self.token = token
        self.cancelled = cancelled or threading.Event()
        self.lines: list[tuple[str, str]] = []
        self.follow_ups: list[dict[str, Any]] = []
        self._report = report
        self._follow_up = follow_up
        self._follow_up_bytes = 0
        self._retry = retry
        self._log: Any = None
        self._ends, self.deadline = _ends_after(timeout_seconds)

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger that carries the job's id, task, queue and attempt."""
        if self._log is None:
            # Late: it is half of the time that `import jobyard` would take.
            from jobyard.observability.logging import ready_logger  # noqa: PLC0415

            self._log = ready_logger(f"jobyard.tasks.{self.task}").bind(
                job_id=self.job_id,
                task=self.task,
                queue=self.queue,
                attempt=self.attempt,
            )
        return self._log  # type: ignore[no-any-return]  # structlog's lazy proxy is untyped

    @property
    def max_attempts(self) -> int:
        """How often the job may fail in all; its policy may give up earlier."""
        try:
            return RetryPolicy.from_json(self._retry).max_retries + 1
        except ValueError:  # a policy that cannot be read is none
            return 1

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now is final for want of further retries."""
        return self.attempt >= self.max_attempts

    def progress(self, value: Any) -> None:
        """Shows ``value`` (what JSON can carry) as the job's progress while it runs.

        Raises:
            ResultNotStorableError: JSON cannot carry it.
        """
        try:
            text = to_json(value, inf_nan_mode="null")
        except (ValueError, TypeError, RecursionError) as error:
            raise ResultNotStorableError(
                f"progress() takes what JSON can carry, not {type(value).__name__}: {error}"
            ) from None
        if self._report is not None:
            self._report(text)

    def check_cancelled(self) -> None:
        """Returns at once unless the task should stop; call it often in long work.

        Raises:
            JobCanceledError: The job was asked to cancel.
            JobTimeoutError: The deadline is past.
        """
        if self.cancelled.is_set():
            raise JobCanceledError(f"Job {self.job_id} was asked to cancel.")
        if self._ends is not None and time.monotonic() >= self._ends:
            raise JobTimeoutError(f"Job {self.job_id} ran past its deadline.")

    def sleep(self, seconds: float) -> None:
        """Sleeps, but wakes at once when the job is cancelled or its deadline comes.

        Raises:
            JobCanceledError: The job was asked to cancel.
            JobTimeoutError: The deadline is past.
        """
        self.check_cancelled()
        if self._ends is not None:
            seconds = min(seconds, max(0.0, self._ends - time.monotonic()))
        if seconds > 0:
            self.cancelled.wait(seconds)
        self.check_cancelled()

    def journal(self, name: str, line: str) -> None:
        """Leaves ``line`` in the journal ``name``: once, and only if the job succeeds.

        Raises:
            ValueError: The name is malformed, the line too long, or there are too many.
        """
        check_name(name, "journal")
        if len(line) > MAX_LINE_CHARACTERS or len(self.lines) >= MAX_LINES:
            raise ValueError(
                f"A job leaves at most {MAX_LINES} journal lines of at most "
                f"{MAX_LINE_CHARACTERS} characters; return the rest as its result."
            )
        self.lines.append((name, line))

    def enqueue(
        self,
        task: str | Callable[..., Any],
        payload: Mapping[str, Any] | None = None,
        *,
        queue: str | None = None,
        delay: float | timedelta | None = None,
        expires_at: datetime | None = None,
        timeout: float | timedelta | None = None,
        retry: RetryPolicy | int | Sequence[float] | None = None,
        tags: Sequence[str] = (),
    ) -> str:
        """Enqueues a follow-up job, which is stored in one step with the success of this one.

        If this run fails, is cancelled or dies, there is no such job; the next run enqueues its
        own, under other ids. What is left out comes from the task.

        Args:
            task: A function made with ``@task``, or a task's name.
            payload: What that task takes; checked now where this process has the task.
            queue: Where the job waits. Required for a task that only other workers have.
            delay: Seconds or a ``timedelta``, from the success of this job.
            expires_at: When it is pointless to start the job (with a zone).
            timeout: Seconds or a ``timedelta`` that one attempt may take.
            retry: As in ``@task``.
            tags: Up to 20 words that the job carries.

        Returns:
            The id that the job will have.

        Raises:
            UnknownTaskError: No task of that name is declared here, and no queue is given.
            InvalidPayloadError: The payload does not fit.
            PayloadTooLargeError: It is larger than ``JOBYARD_MAX_PAYLOAD_BYTES``.
            ConfigurationError: An option cannot work, or no ``jobyard-worker`` runs this.
            ValueError: There are too many, or they are too large.
        """
        if self._follow_up is None:
            raise ConfigurationError(
                "Follow-up jobs are stored together with a job's success, which only "
                "jobyard-worker can: let it run this task."
            )
        record = self._follow_up(
            task,
            payload or {},
            queue=queue,
            delay=delay,
            expires_at=expires_at,
            timeout=timeout,
            retry=retry,
            tags=tags,
        )
        self._take(record)
        return str(record["id"])

    def _take(self, record: dict[str, Any]) -> None:
        size = self._follow_up_bytes + len(record["payload"].encode())
        if len(self.follow_ups) >= MAX_FOLLOW_UPS or size > MAX_FOLLOW_UP_BYTES:
            raise ValueError(
                f"A job enqueues at most {MAX_FOLLOW_UPS} others, with payloads of at most "
                f"{MAX_FOLLOW_UP_BYTES // 1024**2} MiB together: let one of them enqueue the rest."
            )
        self._follow_up_bytes = size
        self.follow_ups.append(record)


def _ends_after(timeout_seconds: float | None) -> tuple[float | None, datetime | None]:
    """The end on the monotonic clock, which decides, and on the calendar, which is shown."""
    if timeout_seconds is None:
        return None, None
    shown = datetime.now(UTC) + timedelta(seconds=timeout_seconds)
    return time.monotonic() + timeout_seconds, shown
