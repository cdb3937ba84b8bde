"""``@task``: what it makes of a function, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import jobyard
from jobyard import ConfigurationError, RetryPolicy, task
from jobyard.task import declared, separate_declarations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(autouse=True)
def _separate() -> Iterator[None]:
    with separate_declarations():
        yield


def plain() -> None:
    """Does nothing.

    At length.
    """


def test_the_public_names_are_these() -> None:
    assert jobyard.__all__ == [
        "ConfigurationError",
        "Context",
        "EmailAddress",
        "InvalidPayloadError",
        "JobCanceledError",
        "JobTimeoutError",
        "JobyardError",
        "Payload",
        "RetryAfter",
        "RetryPolicy",
        "Task",
        "TaskFunction",
        "task",
    ]
    assert all(hasattr(jobyard, name) for name in jobyard.__all__)


def test_importing_jobyard_brings_in_neither_redis_nor_the_log_machinery() -> None:
    code = "import sys, jobyard; print(sorted({'redis', 'rq', 'structlog'} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert found.stdout.strip() == b"[]"


def test_a_decorated_function_is_called_as_before() -> None:
    @task
    def twice(a: int) -> int:
        return a * 2

    assert twice(4) == 8
    assert twice.__name__ == "twice"


def test_the_name_defaults_to_the_functions_and_the_rest_to_nothing() -> None:
    made = task(plain).task

    assert made.name == "plain"
    assert (made.queue, made.timeout_seconds, made.result_ttl_seconds) == (None, None, None)
    assert made.retry == RetryPolicy()
    assert not made.isolated
    assert not made.is_async


def test_options_are_kept() -> None:
    made = task(
        name="a.b",
        queue="high",
        timeout=timedelta(minutes=1),
        result_ttl=0.2,
        failure_ttl=60,
        isolated=True,
        description="x",
    )(plain).task

    assert (made.name, made.queue, made.isolated, made.description) == ("a.b", "high", True, "x")
    assert (made.timeout_seconds, made.result_ttl_seconds, made.failure_ttl_seconds) == (60, 1, 60)


def test_the_description_defaults_to_the_first_line_of_the_docstring() -> None:
    assert task(plain).task.description == "Does nothing."


def test_an_async_function_is_known_as_one() -> None:
    @task
    async def later() -> None: ...

    assert later.task.is_async


@pytest.mark.parametrize(
    ("retry", "policy"),
    [
        (None, RetryPolicy()),
        (3, RetryPolicy.exponential(3)),
        ((1, 2, 4), RetryPolicy.fixed(1, 2, 4)),
        ([], RetryPolicy()),
        (RetryPolicy.fixed(9), RetryPolicy.fixed(9)),
    ],
)
def test_retries_are_a_policy_a_number_or_delays(retry: Any, policy: RetryPolicy) -> None:
    assert task(retry=retry)(plain).task.retry == policy


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "no spaces please"}, "task name"),
        ({"name": ""}, "task name"),
        ({"queue": "a:b"}, "queue name"),
        ({"queue": 3}, "Task 'plain'"),
        ({"timeout": 0}, "timeout=0: give more than 0"),
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": "60"}, "give seconds or a timedelta"),
        ({"timeout": True}, "give seconds or a timedelta"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"result_ttl": timedelta(seconds=-1)}, "result_ttl"),
        ({"failure_ttl": float("inf")}, "failure_ttl"),
        ({"retry": -1}, "retry=-1"),
        ({"retry": (1, -2)}, "retry="),
        ({"retry": ("x",)}, "retry="),
        ({"retry": "123"}, "a list of delays"),
        ({"retry": True}, "a list of delays"),
    ],
)
def test_an_option_that_cannot_work_is_refused_by_name(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        task(**options)(plain)

    assert "plain" not in declared()


def yields() -> Iterator[int]:
    yield 1


async def yields_later() -> AsyncIterator[int]:
    yield 1


class Callee:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (yields, "yields"),
        (yields_later, "yields"),
        (Callee(), "above a function"),
        ("a.name", "name them"),
        (lambda: None, "task name"),
    ],
)
def test_what_is_no_plain_function_is_refused(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        task(function)


def test_a_name_belongs_to_one_function() -> None:
    task(name="mine")(plain)

    with pytest.raises(ConfigurationError, match="declared twice"):

        @task(name="mine")
        def other() -> None: ...

    assert declared()["mine"].function is plain


def test_the_same_function_may_be_declared_again() -> None:
    def make() -> Any:
        @task
        def again() -> None: ...

        return again

    make()
    second = make()

    assert declared()["again"].function is second
