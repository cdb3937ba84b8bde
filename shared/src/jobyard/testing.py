"""For tests of your own tasks: run one inline, and check what it takes.

from jobyard.testing import RecordingContext, run

def test_my_task_greets():
    assert run(greet, {"name": "Ada"}) == "Hello Ada"
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard.context import Context
from jobyard.errors import InvalidPayloadError, ResultNotStorableError
from jobyard.follow_ups import FollowUps
from jobyard.registry import Registry
from jobyard.settings import Settings
from jobyard.task import Task, separate_declarations

__all__ = [
    "RecordingContext",
    "assert_refuses",
    "assert_retries_after",
    "run",
    "separate_declarations",
]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard.retry import RetryPolicy
    from jobyard.task import TaskFunction


class RecordingContext(Context):
    """A context that keeps what the task reported.

    Attributes:
        progress_values: What was given to ``progress``, as JSON values, in order.
    """

    __slots__ = ("progress_values",)

    def __init__(
        self,
        *,
        job_id: str = "job-under-test",
        task: str = "task",
        queue: str = "default",
        attempt: int = 1,
        timeout_seconds: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.progress_values: list[Any] = []
        super().__init__(
            job_id=job_id,
            task=task,
            queue=queue,
            attempt=attempt,
            token="token-under-test",  # noqa: S106 - the id of a delivery, not a secret
            timeout_seconds=timeout_seconds,
            report=lambda text: self.progress_values.append(from_json(text)),
            follow_up=_follow_up,
            retry=retry.to_json() if retry else b"",
        )

    @property
    def enqueued(self) -> list[tuple[str, dict[str, Any]]]:
        """Task and payload of each job that was enqueued, in order; ``follow_ups`` has the rest."""
        return [(record["task"], from_json(record["payload"])) for record in self.follow_ups]

    def journal_lines(self, name: str) -> list[str]:
        """The lines left in one journal."""
        return [line for journal, line in self.lines if journal == name]

    def cancel(self) -> None:
        """Asks the task to stop, as a client's cancel would."""
        self.cancelled.set()


def run(
    task: Task | TaskFunction[..., Any],
    payload: dict[str, Any] | None = None,
    *,
    attempt: int = 1,
    context: RecordingContext | None = None,
) -> Any:
    """Runs a task here and now, as a worker would: payload checked, context filled in.

    Args:
        task: A decorated function, or its ``Task``.
        payload: What a client would send.
        attempt: Which attempt the task is told.
        context: Filled in instead of a fresh one, to look at afterwards.

    Returns:
        What the task returned.

    Raises:
        InvalidPayloadError: The payload does not fit.
        ResultNotStorableError: The task returned what JSON cannot carry.
    """
    task = _task_of(task)
    arguments = task.payload.bind(payload or {})
    if task.payload.context_parameter is not None:
        arguments[task.payload.context_parameter] = context or RecordingContext(
            task=task.name, queue=task.queue or "default", attempt=attempt, retry=task.retry
        )
    called = task.function(**arguments)
    result = asyncio.run(called) if task.is_async else called
    _check_storable(task, result)
    return result


def assert_refuses(task: Task | TaskFunction[..., Any], payload: dict[str, Any], at: str) -> None:
    """Asserts that ``payload`` is refused because of the place ``at``, as in ``"/user/email"``."""
    task = _task_of(task)
    try:
        task.payload.bind(payload)
    except InvalidPayloadError as error:
        pointers = [pointer for pointer, _ in error.problems]
        if at not in pointers:
            raise AssertionError(f"{task.name} complains about {pointers}, not {at!r}") from None
    else:
        raise AssertionError(f"{task.name} takes {payload!r}, but should refuse it at {at!r}")


def assert_retries_after(task: Task | TaskFunction[..., Any], *delays_seconds: float) -> None:
    """Asserts that failed attempts are tried again after these delays (their middle, if spread)."""
    task = _task_of(task)
    count = task.retry.max_retries
    found = [task.retry.delay_seconds(retry, lambda: 0.5) for retry in range(1, count + 1)]
    if found != list(delays_seconds):
        raise AssertionError(f"{task.name} retries after {found}, not {list(delays_seconds)}")


def _follow_up(task: object, payload: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    return FollowUps(Registry(), Settings.load()).record(task, payload, **options)


def _task_of(task: Task | TaskFunction[..., Any]) -> Task:
    return task if isinstance(task, Task) else task.task


def _check_storable(task: Task, result: Any) -> None:
    try:
        to_json(result, inf_nan_mode="null")
    except (ValueError, TypeError, RecursionError) as error:
        raise ResultNotStorableError(
            f"Task {task.name!r} returned {type(result).__name__}, which JSON cannot carry: {error}"
        ) from None
