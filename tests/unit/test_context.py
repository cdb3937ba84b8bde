"""What a task is told, and how it reports back."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from jobyard import Context, JobCanceledError, JobTimeoutError, RetryPolicy
from jobyard.context import MAX_LINE_CHARACTERS, MAX_LINES
from jobyard.errors import ResultNotStorableError


def build_context(
    timeout_seconds: float | None = None, reports: list[bytes] | None = None
) -> Context:
    return Context(
        job_id="job-1",
        task="greet",
        queue="default",
        timeout_seconds=timeout_seconds,
        report=None if reports is None else reports.append,
    )


def test_progress_is_reported_as_json() -> None:
    reports: list[bytes] = []

    build_context(reports=reports).progress({"done": 1, "of": 3})

    assert reports == [b'{"done":1,"of":3}']


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize("value", [object(), "\ud800", ENDLESS], ids=["object", "text", "cycle"])
def test_progress_that_json_cannot_carry_is_refused(value: object) -> None:
    reports: list[bytes] = []

    with pytest.raises(ResultNotStorableError, match="progress"):
        build_context(reports=reports).progress(value)

    assert reports == []


def test_progress_without_anybody_listening_is_fine() -> None:
    build_context().progress(0.5)


def test_a_job_that_nobody_stops_goes_on() -> None:
    build_context(timeout_seconds=60).check_cancelled()


def test_a_cancelled_job_is_told_so() -> None:
    context = build_context()

    context.cancelled.set()

    with pytest.raises(JobCanceledError, match="job-1"):
        context.check_cancelled()


def test_a_job_past_its_deadline_is_told_so() -> None:
    with pytest.raises(JobTimeoutError, match="job-1"):
        build_context(timeout_seconds=0).check_cancelled()


def test_the_deadline_is_shown_in_utc() -> None:
    deadline = build_context(timeout_seconds=60).deadline

    assert deadline is not None
    assert timedelta(seconds=50) < deadline - datetime.now(UTC) <= timedelta(seconds=60)


def test_without_a_timeout_there_is_no_deadline() -> None:
    assert build_context().deadline is None


def test_a_sleep_wakes_when_the_job_is_cancelled() -> None:
    context = build_context()
    threading.Timer(0.02, context.cancelled.set).start()

    before = time.monotonic()
    with pytest.raises(JobCanceledError):
        context.sleep(60)

    assert time.monotonic() - before < 30


def test_a_sleep_wakes_at_the_deadline() -> None:
    context = build_context(timeout_seconds=0.02)

    with pytest.raises(JobTimeoutError):
        context.sleep(60)


def test_a_sleep_of_nothing_returns() -> None:
    build_context(timeout_seconds=60).sleep(0)


def test_journal_lines_are_collected_in_order() -> None:
    context = build_context()

    context.journal("a", "1")
    context.journal("b", "2")

    assert context.lines == [("a", "1"), ("b", "2")]


def test_a_malformed_journal_name_is_refused() -> None:
    with pytest.raises(ValueError, match="journal name"):
        build_context().journal("a:b", "line")


def test_a_line_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        build_context().journal("a", "x" * (MAX_LINE_CHARACTERS + 1))


def test_too_many_lines_are_refused() -> None:
    context = build_context()
    context.lines.extend([("a", "x")] * MAX_LINES)

    with pytest.raises(ValueError, match="at most"):
        context.journal("a", "one more")


def test_the_logger_is_made_once() -> None:
    context = build_context()

    assert context.log is context.log


@pytest.mark.parametrize(
    ("retry", "attempt", "most", "is_last"),
    [
        (RetryPolicy.fixed(1, 2), 1, 3, False),
        (RetryPolicy.fixed(1, 2), 2, 3, False),
        (RetryPolicy.fixed(1, 2), 3, 3, True),
        (RetryPolicy(), 1, 1, True),
    ],
)
def test_a_task_knows_whether_another_attempt_may_follow(
    retry: RetryPolicy, attempt: int, most: int, is_last: bool
) -> None:
    context = Context(
        job_id="job-1", task="greet", queue="default", attempt=attempt, retry=retry.to_json()
    )

    assert (context.max_attempts, context.is_last_attempt) == (most, is_last)


def test_a_policy_that_cannot_be_read_allows_one_attempt() -> None:
    context = Context(job_id="job-1", task="greet", queue="default", retry=b"{broken")

    assert context.is_last_attempt
