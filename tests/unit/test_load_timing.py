"""The timer and the shapes of a load test: what is due when, and how much is asked for."""

from __future__ import annotations

import random
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loadlab.arrivals import Spacing, due_times
from loadlab.shapes import Day, Spike, Steady, Steps, Trace, asked, peak, read_points

if TYPE_CHECKING:
    from pathlib import Path


def arrivals(rate: float, spacing: Spacing, seconds: float, seed: int = 1) -> list[float]:
    times = due_times(rate, spacing, random.Random(seed))
    return list(takewhile(lambda second: second < seconds, times))


@given(rate=st.floats(0.1, 50), spacing=st.sampled_from(Spacing), seed=st.integers(0, 1000))
def test_arrivals_ascend(rate: float, spacing: Spacing, seed: int) -> None:
    found = arrivals(rate, spacing, 20 / rate, seed)

    assert all(a <= b for a, b in pairwise(found))


@given(rate=st.floats(0.1, 50), periods=st.integers(1, 40), seed=st.integers(0, 1000))
def test_jittered_arrivals_are_one_a_period(rate: float, periods: int, seed: int) -> None:
    found = arrivals(rate, Spacing.JITTERED, (periods + 1) / rate, seed)

    assert [int(second * rate) for second in found[:periods]] == list(range(periods))


def test_poisson_arrivals_have_the_rate_and_the_spread_of_the_exponential() -> None:
    found = arrivals(10, Spacing.POISSON, 2000)
    gaps = [b - a for a, b in pairwise(found)]
    mean = sum(gaps) / len(gaps)

    assert mean == pytest.approx(0.1, rel=0.05)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(0.01, rel=0.1)


def test_two_users_do_not_arrive_together() -> None:
    one, other = (arrivals(1, Spacing.JITTERED, 100, seed) for seed in (1, 2))

    assert not set(one) & set(other)


@pytest.mark.parametrize(
    ("shape", "rates"),
    [
        (Steady(rate=5), [5, 5, 5, 5]),
        (Steps(first=10, step=5, step_seconds=2), [10, 10, 15, 15, 20]),
        (Spike(rate=1, peak=9, at_second=1, peak_seconds=2), [1, 9, 9, 1]),
        (Day(low=10, high=30, day_seconds=4), [10, 20, 30, 20, 10]),
        (Trace(points=((1, 7), (3, 2))), [0, 7, 7, 2, 2]),
    ],
)
def test_each_shape_has_its_rates(shape: Any, rates: list[float]) -> None:
    found = [shape.rate_at(second) for second in range(len(rates))]

    assert found == pytest.approx(rates)
    assert asked(shape, len(rates)) == pytest.approx(sum(rates))
    assert peak(shape, len(rates)) == pytest.approx(max(rates))


def test_part_of_a_second_counts_as_a_part() -> None:
    assert asked(Steady(rate=10), 2.5) == 25


def test_a_trace_is_read_from_csv_and_scaled(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("second,rate\n0,10\n60,25.5\n")

    assert read_points(path, factor=2) == [(0, 20), (60, 51)]


def test_a_trace_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(ValidationError, match="must ascend"):
        Trace(points=((2, 1), (1, 1)))
