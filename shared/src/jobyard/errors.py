"""The one tree of errors. Raised everywhere; the API turns each into a problem in one table."""

from __future__ import annotations

import math
from datetime import timedelta

MAX_RETRY_AFTER_SECONDS = 30 * 86_400.0
"""The longest delay of a retry, whoever asks for it."""


class JobyardError(Exception):
    """Base of every error that Jobyard raises on purpose."""


class ConfigurationError(JobyardError):
    """A setting or a task declaration is wrong; the process says which and stops."""


class UnknownTaskError(JobyardError):
    """No task of that name is declared.

    Attributes:
        name: The name that was asked for.
        nearest: Declared names that look like it, best first.
    """

    def __init__(self, name: str, nearest: tuple[str, ...] = (), advice: str = "") -> None:
        self.name = name
        self.nearest = nearest
        hint = f"Did you mean {', '.join(nearest)}?" if nearest else ""
        parts = (f"No task named {name!r} is declared.", hint, advice)
        super().__init__(" ".join(filter(None, parts)))


class UnknownQueueError(JobyardError):
    """Nobody has declared a queue of that name.

    Attributes:
        name: The name that was asked for.
        nearest: Declared names that look like it, best first.
    """

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(
            f"No queue named {name!r} is declared.{hint} A worker that serves it declares it."
        )


class InvalidPayloadError(JobyardError):
    """A payload does not fit its task.

    Attributes:
        problems: ``(JSON Pointer, message)`` of each mismatch.
    """

    def __init__(self, task: str, problems: list[tuple[str, str]]) -> None:
        self.task = task
        self.problems = problems
        shown = "; ".join(f"{pointer or '/'}: {message}" for pointer, message in problems)
        super().__init__(f"The payload does not fit task {task!r}: {shown}")


class PayloadTooLargeError(JobyardError):
    """A payload is larger than the yard takes; nothing was stored.

    Attributes:
        size: Its bytes, as JSON.
        limit: The most that are taken.
    """

    def __init__(self, task: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"The payload for task {task!r} has {size} bytes; {limit} is the most "
            "(JOBYARD_MAX_PAYLOAD_BYTES). Store the data elsewhere and send where it is."
        )


class UnreadableJobError(JobyardError):
    """A stored job cannot be read: a foreign serializer, a broken record, an unknown function."""


class FunctionNotAllowedError(JobyardError):
    """A job of plain RQ code names a function that is not on the allow-list."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"Function {name!r} may not run here: {reason}. List it in JOBYARD_RQ_FUNCTIONS "
            "(dotted names or patterns, as in billing.jobs.*), or make it a task."
        )


class StoreUnavailableError(JobyardError):
    """The store cannot serve now (away, loading, read-only, out of memory). Try again later."""


class StoreDataError(JobyardError):
    """A key in the store has a type that does not belong there; nothing was written."""


class JobCanceledError(JobyardError):
    """Raised inside a task by ``check_cancelled`` after its job was asked to cancel."""


class JobTimeoutError(JobyardError):
    """A task ran longer than its timeout."""


class RetryAfter(JobyardError):  # noqa: N818 - a task asks for something, nothing went wrong here
    """Raised by a task that knows when it is worth trying again.

    Spends an attempt, as any failure; only the delay is the task's instead of the policy's.

    Attributes:
        seconds: How long to wait.
    """

    def __init__(self, delay: float | timedelta, reason: str = "") -> None:
        """``delay`` in seconds or as a ``timedelta``; ``reason`` is shown as the job's error.

        Raises:
            ValueError: The delay is negative, or longer than 30 days.
        """
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if math.isnan(seconds) or not 0 <= seconds <= MAX_RETRY_AFTER_SECONDS:
            raise ValueError(f"RetryAfter({delay!r}): give 0 seconds to 30 days")
        self.seconds = seconds
        super().__init__(reason or f"The task asks to be tried again in {seconds:g} s.")


class ResultNotStorableError(JobyardError):
    """A task returned something that JSON cannot carry."""


class ResultTooLargeError(ResultNotStorableError):
    """A task returned more than the yard keeps."""

    def __init__(self, task: str, size: int, limit: int) -> None:
        super().__init__(
            f"Task {task!r} returned {size} bytes; {limit} is the most "
            "(JOBYARD_MAX_RESULT_BYTES). Store the data elsewhere and return where it is."
        )
