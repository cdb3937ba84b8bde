"""The one formula: what waits and what runs as a number of workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.scaling import BUSY_SHARE, Load, Pool, backlog_per_slot, desired_workers, signal
from jobyard.scaling.hpa import TOLERANCE

counts = st.integers(0, 1_000_000)
slots = st.integers(1, 1_000)
seconds = st.floats(0.001, 86_400)
loads = st.builds(Load, queued=counts, claimed=counts, busy=counts)


def build_pool(**fields: object) -> Pool:
    return Pool.model_validate({"name": "mail", "queues": ["mail"], "max": 10**9, **fields})


@pytest.mark.parametrize(
    ("load", "workers"),
    [
        (Load(), 0),
        (Load(queued=1), 1),
        (Load(queued=100, claimed=0), 5),
        (Load(queued=101), 6),
        (Load(queued=0, claimed=16, busy=16), 5),
        (Load(queued=84, claimed=16, busy=16), 5),
        (Load(queued=0, claimed=0, busy=0, paused=1_000), 0),
    ],
)
def test_the_larger_of_both_needs_counts(load: Load, workers: int) -> None:
    pool = build_pool(concurrency=4, latencyTargetSeconds=10, meanJobSeconds=2)

    assert desired_workers(load, pool) == workers


@given(load=loads, concurrency=slots, target=seconds, mean=seconds)
def test_a_fifth_of_the_slots_is_free_beside_those_that_are_busy(
    load: Load, concurrency: int, target: float, mean: float
) -> None:
    backlog = backlog_per_slot(target, mean)

    wanted = signal(load, concurrency=concurrency, backlog=backlog)

    assert wanted * concurrency * BUSY_SHARE >= load.busy * 0.999_999


@given(queued=counts, claimed=counts, concurrency=slots, target=seconds, mean=seconds)
def test_what_waits_is_worked_off_within_the_target_or_one_job_each(
    queued: int, claimed: int, concurrency: int, target: float, mean: float
) -> None:
    pool = build_pool(concurrency=concurrency, latencyTargetSeconds=target, meanJobSeconds=mean)

    workers = desired_workers(Load(queued=queued, claimed=claimed), pool)

    jobs_a_slot = (queued + claimed) / max(1, workers * concurrency)
    assert jobs_a_slot * mean <= max(target, mean) * 1.000_001


@given(load=loads)
def test_there_is_no_signal_only_where_there_is_nothing_to_do(load: Load) -> None:
    wanted = signal(load, concurrency=8, backlog=30)

    assert (wanted > 0) == (load.queued + load.claimed + load.busy > 0)


def test_a_pool_whose_slots_are_all_busy_is_beyond_the_tolerance_of_the_hpa() -> None:
    wanted = signal(Load(busy=8, claimed=8), concurrency=8, backlog=30)

    assert wanted > 1 + TOLERANCE


@pytest.mark.parametrize(("queued", "workers"), [(0, 2), (1_000_000, 5)])
def test_the_limits_of_the_pool_hold(queued: int, workers: int) -> None:
    assert desired_workers(Load(queued=queued), build_pool(min=2, max=5)) == workers
