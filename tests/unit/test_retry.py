"""When a failed attempt is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobyard import RetryPolicy

policies = st.one_of(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=5).map(lambda d: RetryPolicy.fixed(*d)),
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
        {"max_retries": 1001},
        {"delays_seconds": [-1]},
        {"delays_seconds": [float("nan")]},
        {"delays_seconds": "1,2"},
        {"max_retries": 0, "delays_seconds": [1]},
        {"delays_seconds": [1], "factor": 3},
        {"max_retries": 1, "jitter": 2},
        {"max_retries": 1, "factor": 0.5},
        {"max_retry": 1},
    ],
)
def test_contradictory_or_malformed_policies_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy.model_validate(wrong)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"x": 1}'])
def test_text_that_is_no_policy_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="RetryPolicy"):
        RetryPolicy.from_json(text)
