"""What a task is told about its job, and how it reports back. Built by the worker, or in tests."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.errors import JobCanceledError, JobTimeoutError, ResultNotStorableError
from jobyard.queues import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

MAX_LINE_CHARACTERS = 4_096
MAX_LINES = 1_000


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
    """

    __slots__ = (
        "__weakref__", "_ends", "_log", "_report", "attempt", "cancelled", "deadline", "job_id",
        "lines", "queue", "task", "token",
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
    ) -> None:
        """``report`` takes each progress value as JSON text; the timeout counts from now."""
        self.job_id = job_id
        self.task = task
        self.queue = queue
        self.attempt = attempt
        self.token = token
        self.cancelled = cancelled or threading.Event()
        self.lines: list[tuple[str, str]] = []
        self._report = report
        self._log: Any = None
        self._ends, self.deadline = _ends_after(timeout_seconds)

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger that carries the job's id, task, queue and attempt."""
        if self._log is None:
            import structlog  # noqa: PLC0415 - half of the time that `import jobyard` would take

            self._log = structlog.get_logger(
                f"jobyard.tasks.{self.task}",
                job_id=self.job_id,
                task=self.task,
                queue=self.queue,
                attempt=self.attempt,
            )
        return self._log  # type: ignore[no-any-return]  # structlog's lazy proxy is untyped

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


def _ends_after(timeout_seconds: float | None) -> tuple[float | None, datetime | None]:
    """The end on the monotonic clock, which decides, and on the calendar, which is shown."""
    if timeout_seconds is None:
        return None, None
    shown = datetime.now(UTC) + timedelta(seconds=timeout_seconds)
    return time.monotonic() + timeout_seconds, shown
