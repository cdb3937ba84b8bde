"""What users test their own tasks with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobyard import Context, InvalidPayloadError, JobCanceledError, task
from jobyard.errors import ResultNotStorableError
from jobyard.task import declared
from jobyard.testing import (
    RecordingContext,
    assert_refuses,
    assert_retries_after,
    run,
    separate_declarations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _separate() -> Iterator[None]:
    with separate_declarations():
        yield


def test_run_checks_the_payload_and_returns_the_result() -> None:
    @task
    def double(a: int) -> int:
        return a * 2

    assert run(double, {"a": 4}) == 8
    assert run(double.task, {"a": 4}) == 8
    with pytest.raises(InvalidPayloadError):
        run(double, {"b": 4})


def test_run_waits_for_an_async_task() -> None:
    @task
    async def later(ctx: Context) -> int:
        return ctx.attempt

    assert run(later, attempt=3) == 3


def test_what_a_task_reports_can_be_looked_at() -> None:
    @task
    def report(ctx: Context) -> None:
        ctx.progress({"done": 1})
        ctx.journal("lines", "one")
        ctx.journal("others", "two")

    context = RecordingContext()
    run(report, context=context)

    assert context.progress_values == [{"done": 1}]
    assert context.journal_lines("lines") == ["one"]


def test_what_a_task_enqueues_can_be_looked_at() -> None:
    @task
    def child(n: int) -> None: ...

    @task
    def parent(ctx: Context) -> str:
        return ctx.enqueue(child, {"n": 1}, delay=5)

    context = RecordingContext()
    job_id = run(parent, context=context)

    assert context.enqueued == [("child", {"n": 1})]
    assert context.follow_ups[0]["id"] == job_id
    assert context.follow_ups[0]["delay_seconds"] == 5


def test_a_payload_that_the_enqueued_task_refuses_fails_the_test() -> None:
    @task
    def child(n: int) -> None: ...

    @task
    def parent(ctx: Context) -> None:
        ctx.enqueue(child, {"n": "many"})

    with pytest.raises(InvalidPayloadError, match="'child'"):
        run(parent)


def test_a_task_is_told_that_it_is_its_last_attempt() -> None:
    @task(retry=1)
    def told(ctx: Context) -> bool:
        return ctx.is_last_attempt

    assert [run(told, attempt=attempt) for attempt in (1, 2)] == [False, True]


def test_a_task_can_be_cancelled_beforehand() -> None:
    @task
    def stoppable(ctx: Context) -> None:
        ctx.sleep(60)

    context = RecordingContext()
    context.cancel()

    with pytest.raises(JobCanceledError):
        run(stoppable, context=context)


def test_a_result_that_json_cannot_carry_is_told() -> None:
    @task
    def wrong() -> Any:
        return object()

    with pytest.raises(ResultNotStorableError, match="returned object"):
        run(wrong)


def test_assert_refuses_passes_only_at_the_right_place() -> None:
    @task
    def takes(a: int) -> None: ...

    assert_refuses(takes, {"a": "x"}, at="/a")
    with pytest.raises(AssertionError, match="complains about"):
        assert_refuses(takes, {"a": "x"}, at="/b")
    with pytest.raises(AssertionError, match="should refuse"):
        assert_refuses(takes, {"a": 1}, at="/a")


def test_assert_retries_after_compares_all_delays() -> None:
    @task(retry=(1, 2))
    def retried() -> None: ...

    assert_retries_after(retried, 1, 2)
    with pytest.raises(AssertionError, match="retries after"):
        assert_retries_after(retried, 1)


def test_declarations_are_forgotten_after_the_with() -> None:
    with separate_declarations():

        @task
        def for_a_moment() -> None: ...

        assert "for_a_moment" in declared()

    assert "for_a_moment" not in declared()
