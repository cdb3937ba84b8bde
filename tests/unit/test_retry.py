"""When a failed attempt is tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobyard import JobTimeoutError, RetryPolicy
from jobyard.retry import MAX_CLASSES, Failure, class_names

limits = st.fixed_dictionaries(
    {},
    optional={
        "retry_on": st.just(["OSError", "httpx.ConnectError"]),
        "give_up_on": st.just(["ValueError"]),
        "total_seconds": st.floats(0.1, 1e6),
    },
)
policies = st.one_of(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=5).flatmap(
        lambda delays: limits.map(
            lambda more: RetryPolicy.model_validate({"delays_seconds": delays, **more})
        )
    ),
    st.builds(
        RetryPolicy.exponential,
        max_retries=st.integers(0, 1000),
        base_seconds=st.floats(0, 1e4),
        factor=st.floats(1, 100),
        cap_seconds=st.floats(0, 1e5),
        jitter=st.floats(0, 1),
    ),
)
draws = st.floats(0, 1, exclude_max=True)


def middle() -> float:
    return 0.5


def test_fixed_delays_are_exact_and_then_the_budget_is_used() -> None:
    policy = RetryPolicy.fixed(1, 2, 4)

    delays = [policy.delay_seconds(retry, lambda: 0.9) for retry in (1, 2, 3, 4)]

    assert delays == [1, 2, 4, None]


def test_the_last_delay_repeats_when_retries_outnumber_delays() -> None:
    policy = RetryPolicy(max_retries=4, delays_seconds=(10, 30))

    delays = [policy.delay_seconds(retry, middle) for retry in (1, 2, 3, 4, 5)]

    assert delays == [10, 30, 30, 30, None]


def test_fewer_retries_than_delays_take_the_first_ones() -> None:
    policy = RetryPolicy(max_retries=2, delays_seconds=(10, 30, 60))

    delays = [policy.delay_seconds(retry, middle) for retry in (1, 2, 3)]

    assert delays == [10, 30, None]


def test_exponential_delays_double_up_to_the_cap() -> None:
    policy = RetryPolicy.exponential(max_retries=5, base_seconds=1, cap_seconds=6, jitter=0)

    delays = [policy.delay_seconds(retry, middle) for retry in (1, 2, 3, 4, 5)]

    assert delays == [1, 2, 4, 6, 6]


@pytest.mark.parametrize(("base_seconds", "delay"), [(0, 0), (1e-300, 6)])
def test_what_grew_beyond_all_numbers_is_the_cap_unless_nothing_grows(
    base_seconds: float, delay: float
) -> None:
    policy = RetryPolicy.exponential(
        1000, base_seconds=base_seconds, factor=100, cap_seconds=6, jitter=0
    )

    assert policy.delay_seconds(1000, middle) == delay


def test_growing_delays_are_those_of_the_class_unless_told() -> None:
    assert RetryPolicy.exponential(3) == RetryPolicy(max_retries=3)


def test_the_short_ways_pass_on_all_they_are_told() -> None:
    limits: dict[str, Any] = {
        "retry_on": (OSError,),
        "give_up_on": (TimeoutError,),
        "total_seconds": 60.0,
    }
    growth: dict[str, Any] = {"base_seconds": 2.0, "factor": 3.0, "cap_seconds": 9.0, "jitter": 0.5}

    fixed = RetryPolicy.fixed(1, 2, **limits)
    growing = RetryPolicy.exponential(4, **growth, **limits)

    assert fixed == RetryPolicy.model_validate({"delays_seconds": (1, 2), **limits})
    assert growing == RetryPolicy.model_validate({"max_retries": 4, **growth, **limits})


@pytest.mark.parametrize(("draw", "expected"), [(0.0, 0.8), (0.5, 1.0), (0.999999, 1.2)])
def test_jitter_is_a_share_around_the_delay(draw: float, expected: float) -> None:
    policy = RetryPolicy.exponential(max_retries=1, base_seconds=1, jitter=0.2)

    assert policy.delay_seconds(1, lambda: draw) == pytest.approx(expected, abs=1e-5)


@given(policies, st.integers(1, 1001), draws)
def test_a_delay_is_finite_and_within_the_jitter_of_its_ceiling(
    policy: RetryPolicy, retry: int, draw: float
) -> None:
    delay = policy.delay_seconds(retry, lambda: draw)

    ceiling = max(policy.delays_seconds, default=policy.cap_seconds * (1 + policy.jitter))
    assert (delay is None) == (retry > policy.max_retries)
    assert delay is None or 0 <= delay <= ceiling


@given(policies)
def test_a_policy_survives_its_json(policy: RetryPolicy) -> None:
    again = RetryPolicy.from_json(policy.to_json())

    assert again == policy or policy.max_retries == again.max_retries == 0


def test_what_equals_a_default_is_left_out_of_the_text() -> None:
    policy = RetryPolicy.exponential(2, jitter=0.25)

    assert json.loads(policy.to_json()) == {"max_retries": 2, "jitter": 0.25}


def test_no_retries_are_empty_text() -> None:
    assert RetryPolicy().to_json() == b""
    assert RetryPolicy.from_json(b"") == RetryPolicy()


def test_delays_alone_say_how_many_retries_there_are() -> None:
    policy = RetryPolicy.model_validate({"delays_seconds": [1, 2]})

    assert policy.max_retries == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_retries": -1},
        {"max_retries": True},
        {"max_retries": 1001},
        {"delays_seconds": [-1]},
        {"delays_seconds": [float("nan")]},
        {"delays_seconds": "1,2"},
        {"max_retries": 0, "delays_seconds": [1]},
        {"delays_seconds": [1], "factor": 3},
        {"max_retries": 1, "jitter": 2},
        {"max_retries": 1, "factor": 0.5},
        {"max_retry": 1},
        {"retry_on": ["ValueError"]},
        {"give_up_on": ["ValueError"]},
        {"total_seconds": 60},
        {"max_retries": 1, "total_seconds": 0},
        {"max_retries": 1, "total_seconds": -1},
        {"max_retries": 1, "total_seconds": "60"},
        {"max_retries": 1, "total_seconds": float("inf")},
        {"max_retries": 1, "total_seconds": 400 * 86_400},
        {"max_retries": 1, "retry_on": "ValueError"},
        {"max_retries": 1, "retry_on": ValueError},
        {"max_retries": 1, "retry_on": [None]},
        {"max_retries": 1, "retry_on": [""]},
        {"max_retries": 1, "retry_on": ["a b"]},
        {"max_retries": 1, "retry_on": ["a..b"]},
        {"max_retries": 1, "retry_on": ["ValueError\n"]},
        {"max_retries": 1, "retry_on": [int]},
        {"max_retries": 1, "retry_on": [ValueError("x")]},
        {"max_retries": 1, "retry_on": ["a" * 201]},
        {"max_retries": 1, "retry_on": [f"E{n}" for n in range(MAX_CLASSES + 1)]},
        {"max_retries": 1, "retry_on": ["KeyError"], "give_up_on": [KeyError]},
    ],
)
def test_contradictory_or_malformed_policies_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy.model_validate(wrong)


def test_who_names_no_class_is_told_how_classes_are_named() -> None:
    with pytest.raises(
        ValidationError, match=r"'a b' is not a class .* as in 'httpx.ConnectError'"
    ):
        RetryPolicy.fixed(1, retry_on=["a b"])


class ApiError(Exception):
    """One that a policy names."""


class QuotaError(ApiError):
    """One of its kind."""


def fail(
    error: type[BaseException] = ValueError,
    attempt: int = 1,
    age_seconds: float = 0.0,
    retry_after_seconds: float | None = None,
) -> Failure:
    return Failure(
        attempt=attempt,
        names=class_names(error),
        age_seconds=age_seconds,
        retry_after_seconds=retry_after_seconds,
    )


def test_classes_are_kept_by_their_full_names() -> None:
    policy = RetryPolicy.fixed(1, retry_on=[ConnectionError, "builtins.OSError", ApiError])

    assert policy.retry_on == ("ConnectionError", "OSError", f"{__name__}.ApiError")
    assert json.loads(policy.to_json())["retry_on"] == list(policy.retry_on)


@pytest.mark.parametrize(
    ("limits", "error", "is_tried_again"),
    [
        ({}, ValueError, True),
        ({}, JobTimeoutError, True),
        ({}, SystemExit, True),
        ({"retry_on": [ApiError]}, ApiError, True),
        ({"retry_on": [ApiError]}, QuotaError, True),
        ({"retry_on": [QuotaError]}, ApiError, False),
        ({"retry_on": [ApiError]}, JobTimeoutError, False),
        ({"retry_on": ["ApiError"]}, ApiError, False),
        ({"retry_on": [Exception]}, SystemExit, False),
        ({"retry_on": ["OSError"]}, TimeoutError, True),
        ({"give_up_on": [ApiError]}, QuotaError, False),
        ({"give_up_on": [ApiError]}, ValueError, True),
        ({"give_up_on": [JobTimeoutError]}, JobTimeoutError, False),
        ({"retry_on": [ApiError], "give_up_on": [QuotaError]}, QuotaError, False),
        ({"retry_on": [QuotaError], "give_up_on": [ApiError]}, QuotaError, False),
        ({"retry_on": [ApiError], "give_up_on": [QuotaError]}, ApiError, True),
    ],
)
def test_the_class_of_an_error_decides_and_giving_up_wins(
    limits: dict[str, list[object]], error: type[BaseException], is_tried_again: bool
) -> None:
    policy = RetryPolicy.model_validate({"delays_seconds": [7], **limits})

    assert policy.delay_after(fail(error), middle) == (7 if is_tried_again else None)


@pytest.mark.parametrize(
    ("age_seconds", "delay"), [(0, 10), (50, 10), (50.001, None), (60, None), (1e9, None)]
)
def test_no_retry_begins_after_the_total(age_seconds: float, delay: float | None) -> None:
    policy = RetryPolicy.fixed(10, total_seconds=60)

    assert policy.delay_after(fail(age_seconds=age_seconds), middle) == delay


def test_jitter_counts_towards_the_total() -> None:
    policy = RetryPolicy.exponential(1, base_seconds=10, jitter=0.5, total_seconds=60)

    assert policy.delay_after(fail(age_seconds=50), lambda: 0.0) == 5
    assert policy.delay_after(fail(age_seconds=50), lambda: 0.75) is None


@pytest.mark.parametrize(
    ("policy", "failure", "delay"),
    [
        (RetryPolicy.fixed(1, 1), fail(retry_after_seconds=30), 30),
        (RetryPolicy.fixed(1, 1), fail(attempt=2, retry_after_seconds=0), 0),
        (RetryPolicy.fixed(1, 1), fail(attempt=3, retry_after_seconds=30), None),
        (RetryPolicy(), fail(retry_after_seconds=30), None),
        (RetryPolicy.fixed(1, give_up_on=[Exception]), fail(retry_after_seconds=30), 30),
        (RetryPolicy.fixed(1, retry_on=[ApiError]), fail(retry_after_seconds=30), 30),
        (
            RetryPolicy.fixed(1, total_seconds=60),
            fail(age_seconds=31, retry_after_seconds=30),
            None,
        ),
        (RetryPolicy.fixed(90, total_seconds=60), fail(retry_after_seconds=30), 30),
    ],
)
def test_what_the_task_asks_for_replaces_the_delay_within_the_limits(
    policy: RetryPolicy, failure: Failure, delay: float | None
) -> None:
    assert policy.delay_after(failure, middle) == delay


def test_a_policy_of_a_later_version_is_read_without_what_is_new() -> None:
    policy = RetryPolicy.from_json(b'{"max_retries": 3, "mood": "hopeful"}')

    assert policy == RetryPolicy(max_retries=3)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"max_retries": "x"}'])
def test_text_that_is_no_policy_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="RetryPolicy"):
        RetryPolicy.from_json(text)
