"""What an exception means for a job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic_core import from_json, to_json

from jobyard.errors import (
    InvalidPayloadError,
    JobCanceledError,
    JobTimeoutError,
    ResultNotStorableError,
    RetryAfter,
    UnknownTaskError,
    UnreadableJobError,
)
from jobyard.retry import RetryPolicy
from jobyard.store.records.delivery import Canceled, Claimed, Crashed, ErrorInfo, Failed, Retrying
from jobyard_worker.outcome import (
    Ending,
    Verdict,
    describe,
    ending_from,
    ending_of,
    message_of,
    settlement_of,
    verdict_of,
)
from support.builders import build_claimed


def end_as(verdict: Verdict, job: Claimed) -> object:
    ending = Ending(verdict, ErrorInfo("E", "m"), started=1.0, ended=2.0)
    return settlement_of(job, ending, crash_budget=3, random=lambda: 0.5)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ValueError("x"), Verdict.FAILED),
        (JobTimeoutError("x"), Verdict.FAILED),
        (SystemExit(1), Verdict.FAILED),
        (RetryAfter(5), Verdict.FAILED),
        (JobCanceledError("x"), Verdict.CANCELED),
        (InvalidPayloadError("t", []), Verdict.FINAL),
        (UnknownTaskError("t"), Verdict.FINAL),
        (UnreadableJobError("x"), Verdict.FINAL),
        (ResultNotStorableError("x"), Verdict.FINAL),
    ],
)
def test_each_error_has_its_verdict(error: BaseException, verdict: Verdict) -> None:
    assert verdict_of(error) is verdict


def test_a_failure_is_retried_with_the_delay_of_its_number() -> None:
    job = build_claimed(attempts=1, retry=RetryPolicy.fixed(1, 2, 4).to_json())

    settlement = end_as(Verdict.FAILED, job)

    assert isinstance(settlement, Retrying)
    assert (settlement.delay_seconds, settlement.attempt) == (2, 2)


def test_a_failure_beyond_the_retries_is_final() -> None:
    job = build_claimed(attempts=3, retry=RetryPolicy.fixed(1, 2, 4).to_json())

    assert isinstance(end_as(Verdict.FAILED, job), Failed)


def test_a_policy_that_cannot_be_read_is_none() -> None:
    assert isinstance(end_as(Verdict.FAILED, build_claimed(retry=b"{broken")), Failed)


def raise_in(job: Claimed, error: BaseException) -> object:
    """The settlement of an attempt that took two seconds."""
    ending = ending_of(error, started=1.0, ended=3.0)
    return settlement_of(job, ending, crash_budget=3, random=lambda: 0.5)


def test_the_policy_sees_the_bases_of_what_was_raised() -> None:
    policy = RetryPolicy.fixed(1, retry_on=[OSError])
    job = build_claimed(retry=policy.to_json())

    assert isinstance(raise_in(job, ConnectionResetError("x")), Retrying)
    assert isinstance(raise_in(job, ValueError("x")), Failed)


def test_a_retry_begins_when_the_task_says_so() -> None:
    job = build_claimed(retry=RetryPolicy.fixed(1).to_json())

    settlement = raise_in(job, RetryAfter(timedelta(minutes=2), reason="rate limit"))

    assert isinstance(settlement, Retrying)
    assert settlement.delay_seconds == 120
    assert settlement.error.message == "rate limit"
    assert settlement.error.type == "jobyard.errors.RetryAfter"


def test_the_run_counts_towards_the_total_time() -> None:
    job = build_claimed(
        created_at=b"1970-01-01T00:00:00Z",
        claimed_ms=53_000,
        retry=RetryPolicy.fixed(5, total_seconds=60).to_json(),
    )

    assert isinstance(raise_in(job, OSError()), Retrying)
    assert isinstance(raise_in(job._replace(claimed_ms=53_001), OSError()), Failed)


@pytest.mark.parametrize("error", [RetryAfter(7), ValueError("x"), InvalidPayloadError("t", [])])
def test_what_a_child_says_of_an_error_means_the_same(error: BaseException) -> None:
    message = from_json(to_json(message_of(error)))

    assert ending_from(message, 1.0, 2.0) == ending_of(error, 1.0, 2.0)


def test_the_name_of_a_class_is_bounded() -> None:
    long = type("E" * 5_000, (ValueError,), {})

    message = message_of(long("x"))

    assert "ValueError" in message["names"]
    assert len(message["error"]["type"]) <= 256


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), timedelta(days=31)])
def test_a_retry_cannot_be_asked_for_at_an_absurd_time(delay: float | timedelta) -> None:
    with pytest.raises(ValueError, match="0 seconds to 30 days"):
        RetryAfter(delay)


def test_hopeless_failures_ignore_the_policy() -> None:
    job = build_claimed(retry=RetryPolicy.fixed(1).to_json())

    assert isinstance(end_as(Verdict.FINAL, job), Failed)


def test_a_cancel_is_no_failure() -> None:
    assert isinstance(end_as(Verdict.CANCELED, build_claimed()), Canceled)


def test_a_crash_carries_its_budget() -> None:
    settlement = end_as(Verdict.CRASHED, build_claimed())

    assert isinstance(settlement, Crashed)
    assert settlement.budget == 3


def test_message_and_traceback_are_bounded_and_the_end_of_the_traceback_is_kept() -> None:
    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 10_000)
        (fall if depth % 2 else _other)(depth - 1)

    def _other(depth: int) -> None:
        fall(depth)

    with pytest.raises(ValueError, match="x") as caught:
        fall(300)
    info = describe(caught.value)

    assert len(info.message) == 2048
    assert len(info.traceback) <= 16 * 1024
    assert info.traceback.rstrip().endswith("x")


def test_what_cannot_be_encoded_or_shown_is_described_all_the_same() -> None:
    class Broken(Exception):  # noqa: N818 - the name is what is tested
        def __str__(self) -> str:  # type: ignore[explicit-override]  # typing.override: Python 3.12
            raise RuntimeError

    assert describe(ValueError("\ud800")).message == "\\ud800"
    assert "cannot be shown" in describe(Broken()).message
    assert describe(Broken()).type.endswith("Broken")
    assert describe(ValueError()).type == "ValueError"


class HostileError(Exception):
    """Breaks whoever looks into it."""

    @property
    def __cause__(self) -> None:  # type: ignore[override, explicit-override]  # the point of it
        raise RuntimeError("no cause for you")


def test_an_exception_that_cannot_be_shown_is_described_all_the_same() -> None:
    info = describe(HostileError("boo"))

    assert (info.type.rpartition(".")[2], info.message) == ("HostileError", "boo")
