"""The timer and the shapes of a load test: what is due when, and how much is asked for."""

from __future__ import annotations

import random
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loadlab.arrivals import Spacing, Timetable, counts
from loadlab.shapes import Day, Spike, Steady, Steps, Trace, read_points

if TYPE_CHECKING:
    from pathlib import Path


def arrivals(spacing: Spacing, most: float, seed: int = 1) -> list[float]:
    return list(takewhile(lambda count: count < most, counts(spacing, random.Random(seed))))


@given(spacing=st.sampled_from(Spacing), seed=st.integers(0, 1000))
def test_arrivals_ascend(spacing: Spacing, seed: int) -> None:
    found = arrivals(spacing, 50, seed)

    assert all(a <= b for a, b in pairwise(found))


@given(most=st.integers(1, 40), seed=st.integers(0, 1000))
def test_jittered_arrivals_are_one_for_each_number(most: int, seed: int) -> None:
    found = arrivals(Spacing.JITTERED, most, seed)

    assert [int(count) for count in found] == list(range(most))


def test_poisson_arrivals_have_the_rate_and_the_spread_of_the_exponential() -> None:
    gaps = [b - a for a, b in pairwise(arrivals(Spacing.POISSON, 20_000))]
    mean = sum(gaps) / len(gaps)

    assert mean == pytest.approx(1, rel=0.05)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(1, rel=0.1)


def test_two_users_do_not_arrive_together() -> None:
    one, other = (arrivals(Spacing.JITTERED, 100, seed) for seed in (1, 2))

    assert not set(one) & set(other)


@given(rate=st.floats(0.5, 500), seconds=st.integers(1, 60), share=st.floats(0, 0.999))
def test_at_a_steady_rate_arrivals_are_due_one_after_the_other(
    rate: float, seconds: int, share: float
) -> None:
    table = Timetable(Steady(rate=rate), seconds)

    assert table.total == pytest.approx(rate * seconds)
    assert table.moment(share * table.total) == pytest.approx(share * seconds, abs=1e-6)


def test_a_spike_begins_and_ends_on_time() -> None:
    table = Timetable(Spike(rate=0, peak=20, at_second=5, peak_seconds=5), 120)

    assert table.moment(0) == pytest.approx(5)
    assert table.moment(50) == pytest.approx(7.5)
    assert table.moment(99.999) == pytest.approx(10, abs=1e-3)


def test_a_shape_has_no_more_arrivals_than_it_asks_for() -> None:
    table = Timetable(Steady(rate=10), 2.5)

    assert table.total == pytest.approx(25)
    assert table.moment(25.01) is None


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


def test_a_trace_is_read_from_csv_and_scaled(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("second,rate\n0,10\n60,25.5\n")

    assert read_points(path, factor=2) == [(0, 20), (60, 51)]


def test_a_trace_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(ValidationError, match="must ascend"):
        Trace(points=((2, 1), (1, 1)))
