"""One job in the worker's hands, from its claim to its settlement."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jobyard_worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.observability.trace_context import TraceContext
    from jobyard.observability.tracer import OpenSpan
    from jobyard.store.records.delivery import Claimed


class Delivery:
    """A claimed job and what became of it here. The loop and the slot that runs it share it."""

    __slots__ = (
        "_cancelled", "after", "is_canceled", "is_late", "is_orphaned", "is_reported",
        "is_started", "job", "progress", "span", "stop", "taken_at", "task",
    )  # fmt: skip

    def __init__(self, job: Claimed) -> None:
        self.job = job
        self.taken_at = time.monotonic()
        """When it came here."""
        self.task = ""
        """Its name, once the record was read."""
        self.is_started = False
        """Whether a slot has taken it."""
        self.is_canceled = False
        """Whether its job was asked to cancel."""
        self.is_orphaned = False
        """The lease was lost: the job is somebody else's now, and its outcome is not sent."""
        self.progress = b""
        """The newest that the task said of its progress, as JSON."""
        self.is_reported = False
        """Whether ``progress`` waits to be stored."""
        self.is_late = False
        """Whether it waits to be told to who follows the job."""
        self.stop: Callable[[Stop], object] | None = None
        """Tells whoever runs it to end it; None while nobody does who could."""
        self.span: OpenSpan | None = None
        """Where traces are recorded, the one of this run, once it has begun."""
        self.after: Callable[[], None] | None = None
        """What to do once its settlement is stored."""
        self._cancelled: threading.Event | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Id and token."""
        return self.job.id, self.job.token

    def wait_seconds(self, started: float) -> float:
        """From when the job was ready to ``started`` (``time.monotonic``); 0 if not known."""
        if not self.job.enqueued_at:
            return 0.0
        return self.job.wait_seconds + max(0.0, started - self.taken_at)

    def is_overdue(self, moment: float) -> bool:
        """Whether it runs and should have ended by then (``time.monotonic``)."""
        timeout_seconds = self.job.timeout_seconds or 0.0
        return self.is_started and 0 < timeout_seconds < moment - self.taken_at

    @property
    def trace(self) -> TraceContext | None:
        """The span of this run as logs and others name it."""
        return None if self.span is None else self.span.context

    def lose(self) -> None:
        """The lease over it is lost, or given up."""
        self.is_orphaned = True
        if self.span is not None:
            self.span.fail("abandoned")
            self.span.end()

    def cancel(self) -> None:
        """Its job was asked to cancel: the task is told, and a child that goes on is killed.

        An orphan runs elsewhere by now, so its child is killed at once.
        """
        self.is_canceled = True
        if self._cancelled is not None:
            self._cancelled.set()
        self._tell(Stop.LEAVE if self.is_orphaned else Stop.CANCEL)

    def stop_by(self, stop: Callable[[Stop], object]) -> None:
        """Who runs it can end it from now on, and is told at once of a cancel that came before."""
        self.stop = stop
        if self.is_canceled:
            self.cancel()

    def kill(self) -> None:
        """Kills the child that runs it, if there is one."""
        self._tell(Stop.LEAVE)

    def cancel_event(self) -> threading.Event:
        """What the task's context looks at; made only for tasks that ask for one."""
        self._cancelled = threading.Event()
        if self.is_canceled:
            self._cancelled.set()
        return self._cancelled

    def _tell(self, why: Stop) -> None:
        """The slot may forget ``stop`` at any moment."""
        stop = self.stop
        if stop is not None:
            stop(why)
