"""``@task``: makes a function a task. Task authors use it; workers and the API read the result."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from pydantic import ValidationError

from jobyard.errors import ConfigurationError
from jobyard.payload import PayloadShape, shape_of
from jobyard.queues import check_name
from jobyard.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Retry = RetryPolicy | int | Sequence[float]
Duration = float | timedelta

MAX_SECONDS = 10 * 365 * 86_400
"""Ten years; a larger time limit or TTL is a slip of units."""


NO_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A function that jobs can name.

    Attributes:
        name: The name on the wire.
        function: The function as it was written.
        payload: What it takes.
        queue: None for the default queue.
        retry: When a failed attempt is tried again.
        timeout_seconds: None for the default.
        result_ttl_seconds: How long a result is kept; None for the default.
        failure_ttl_seconds: How long a failure is kept; None for the default.
        isolated: Whether it runs in a killable child process.
        log_payload: Whether the log may show payloads.
        log_result: Whether the log may show results.
        description: What it does, for people.
        is_async: Whether the function is ``async def``.
    """

    name: str
    function: Callable[..., Any]
    payload: PayloadShape
    queue: str | None = None
    retry: RetryPolicy = NO_RETRY
    timeout_seconds: int | None = None
    result_ttl_seconds: int | None = None
    failure_ttl_seconds: int | None = None
    isolated: bool = False
    log_payload: bool = False
    log_result: bool = False
    description: str = ""
    is_async: bool = False


class TaskFunction(Protocol[P, R_co]):
    """A decorated function: callable as before, with its task beside it."""

    task: Task
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Runs the function here and now, as if it were not a task."""
        ...


_DECLARED: dict[str, Task] = {}
"""Filled while modules are imported, read by ``registry.py``; the one place a decorator can use."""


def declared() -> Mapping[str, Task]:
    """All tasks declared so far, by name: a live view."""
    return MappingProxyType(_DECLARED)


@contextmanager
def separate_declarations() -> Iterator[None]:
    """For tests: what is declared inside the ``with`` is forgotten after it.

    A module that is first imported inside stays imported, but its tasks are forgotten too: import
    it before.
    """
    before = dict(_DECLARED)
    try:
        yield
    finally:
        _DECLARED.clear()
        _DECLARED.update(before)


@overload
def task(function: Callable[P, R_co], /) -> TaskFunction[P, R_co]: ...


@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    result_ttl: Duration | None = None,
    failure_ttl: Duration | None = None,
    isolated: bool = False,
    log_payload: bool = False,
    log_result: bool = False,
    description: str | None = None,
) -> Callable[[Callable[P, R_co]], TaskFunction[P, R_co]]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    result_ttl: Duration | None = None,
    failure_ttl: Duration | None = None,
    isolated: bool = False,
    log_payload: bool = False,
    log_result: bool = False,
    description: str | None = None,
) -> Any:
    """Declares a function, plain or ``async``, as a task; it stays callable as before.

    Args:
        function: The function, where ``@task`` is written without parentheses.
        name: The name on the wire; the function's own by default.
        queue: Where its jobs wait unless a submission says otherwise.
        retry: A policy, a number of retries (growing delays), or the exact delays in seconds.
        timeout: Seconds or a ``timedelta`` that one attempt may take.
        result_ttl: How long a result is kept.
        failure_ttl: How long a failure is kept.
        isolated: Run in a child process that can be killed at its timeout or on cancel.
        log_payload: Show the first 1,000 characters of payloads in the log, where they are secret
            to nobody who reads it; not shown by default.
        log_result: As ``log_payload``, results.
        description: For people; the first line of the docstring by default.

    Raises:
        ConfigurationError: An option or the signature cannot work; the message says what to do.
    """

    def declare(function: Callable[..., Any]) -> Any:
        wire_name = _name(function, name)
        options = Options(wire_name)
        made = Task(
            name=wire_name,
            function=function,
            payload=shape_of(function, wire_name),
            queue=options.queue(queue),
            retry=options.retry(retry),
            timeout_seconds=options.seconds("timeout", timeout),
            result_ttl_seconds=options.seconds("result_ttl", result_ttl),
            failure_ttl_seconds=options.seconds("failure_ttl", failure_ttl),
            isolated=isolated,
            log_payload=log_payload,
            log_result=log_result,
            description=description if description is not None else _first_line(function),
            is_async=inspect.iscoroutinefunction(function),
        )
        _declare(made)
        decorated = cast("Any", function)
        decorated.task = made
        return decorated

    return declare if function is None else declare(function)


def _name(function: Callable[..., Any], name: str | None) -> str:
    if not inspect.isfunction(function):
        raise ConfigurationError(
            f"@task is written above a function, not on {function!r}. With options, name them: "
            "@task(queue='high')."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"Task {function.__name__!r} yields, so calling it runs nothing: return a value."
        )
    try:
        return check_name(function.__name__ if name is None else name, "task")
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{error}. Set it with @task(name=…).") from None


@dataclass(frozen=True)
class Options:
    """Reads the options of one declaration, or of one job; ``task`` is named in its errors."""

    task: str

    def queue(self, queue: str | None) -> str | None:
        """A queue's name.

        Raises:
            ConfigurationError: It is malformed.
        """
        try:
            return None if queue is None else check_name(queue, "queue")
        except (ValueError, TypeError) as error:
            raise self.wrong(str(error)) from None

    def retry(self, retry: Retry | None) -> RetryPolicy:
        """The policy that a number, delays or a policy mean.

        Raises:
            ConfigurationError: They mean none.
        """
        if isinstance(retry, RetryPolicy):
            return retry
        try:
            if retry is None:
                return NO_RETRY
            if isinstance(retry, int) and not isinstance(retry, bool):
                return RetryPolicy.exponential(max_retries=retry)
            if isinstance(retry, Sequence) and not isinstance(retry, str):
                return RetryPolicy.fixed(*retry)
        except ValidationError as error:
            raise self.wrong(f"retry={retry!r}: {error.errors()[0]['msg']}") from None
        raise self.wrong(
            f"retry={retry!r}: give a number of retries, a list of delays in seconds, "
            "or a RetryPolicy"
        )

    def seconds(self, option: str, value: Duration | None) -> int | None:
        """Whole seconds, rounded up.

        Raises:
            ConfigurationError: The value is no time, or not a sensible one.
        """
        if value is None:
            return None
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise self.wrong(f"{option}={value!r}: give seconds or a timedelta")
        if not 0 < seconds <= MAX_SECONDS:
            raise self.wrong(f"{option}={value!r}: give more than 0 and at most ten years")
        return math.ceil(seconds)

    def wrong(self, message: str) -> ConfigurationError:
        """The error that says so, and of which task."""
        return ConfigurationError(f"Task {self.task!r}: {message}.")


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _declare(made: Task) -> None:
    known = _DECLARED.get(made.name)
    if known is not None and _origin(known) != _origin(made):
        raise ConfigurationError(
            f"Task {made.name!r} is declared twice, in {_place(known)} and {_place(made)}: "
            "rename one or give it @task(name=…)."
        )
    _DECLARED[made.name] = made


def _origin(made: Task) -> tuple[str, str]:
    """The same for a module that is imported again, also as ``__main__``."""
    return made.function.__code__.co_filename, made.function.__qualname__


def _place(made: Task) -> str:
    return f"{made.function.__module__}.{made.function.__qualname__}"
