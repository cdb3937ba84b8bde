"""The model of a scaled pool: against theory where there is one, and against what must hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.scaling import Terms
from jobyard_cli.model import workload
from jobyard_cli.model.comparison import Case, compare
from jobyard_cli.model.outcome import Outcome, percentile
from jobyard_cli.model.signals import ours, queue_length, queued_and_in_flight
from jobyard_cli.model.simulation import Fleet, Leaving, simulate
from jobyard_cli.model.workload import Workload


def build_workload(rate: float, mean: float, seconds: float, seed: int = 1) -> Workload:
    rng = random.Random(seed)
    draw = workload.exponential(mean, rng)
    return workload.generated("w", workload.steady(rate), draw, rng, most=rate, seconds=seconds)


def erlang_c_wait(rate: float, mean: float, slots: int) -> float:
    """The mean wait of M/M/c (Erlang 1917)."""
    load = rate * mean
    top = load**slots / math.factorial(slots) * slots / (slots - load)
    waits = top / (sum(load**n / math.factorial(n) for n in range(slots)) + top)
    return waits * mean / (slots - load)


def test_a_pool_that_stays_as_it_is_has_the_waits_of_theory() -> None:
    jobs = build_workload(rate=3.2, mean=2, seconds=20_000)
    fleet = Fleet(concurrency=8)

    outcome = simulate(jobs, ours(8, 1), Terms(minimum=1, maximum=1), fleet)

    mean = sum(outcome.waits) / len(outcome.waits)
    assert mean == pytest.approx(erlang_c_wait(3.2, 2, 8), rel=0.12)


@given(
    st.lists(st.tuples(st.floats(0, 600), st.floats(0.01, 90)), max_size=60),
    st.sampled_from(Leaving),
    st.integers(1, 4),
    st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_every_job_starts_and_the_pool_is_at_its_minimum_in_the_end(
    jobs: list[tuple[float, float]], leaving: Leaving, concurrency: int, minimum: int
) -> None:
    jobs.sort()
    came = Workload("w", [at for at, _ in jobs], [runs for _, runs in jobs], 600)
    fleet = Fleet(concurrency=concurrency, grace_seconds=120, leaving=leaving)

    outcome = simulate(came, ours(concurrency, 5), Terms(minimum=minimum, maximum=5), fleet)

    assert len(outcome.waits) == len(jobs)
    assert min(outcome.waits, default=0) >= 0
    assert outcome.most <= 5
    assert outcome.killed == 0
    assert outcome.worker_seconds * concurrency >= sum(came.durations) * 0.999


def test_who_is_idle_goes_and_nobody_else_where_that_is_the_rule() -> None:
    jobs = build_workload(rate=1, mean=20, seconds=3000)
    fleet = Fleet(concurrency=4, leaving=Leaving.IDLE_ONLY)

    outcome = simulate(jobs, queue_length(1), Terms(maximum=20), fleet)

    assert outcome.changes > 10
    assert outcome.stopped_busy == 0


def test_our_signal_stops_no_busy_worker_of_one_slot_and_queue_length_many() -> None:
    jobs = build_workload(rate=0.3, mean=60, seconds=7200)
    fleet = Fleet(concurrency=1, grace_seconds=1000)

    mine = simulate(jobs, ours(1, 1), Terms(maximum=60), fleet)
    others = simulate(jobs, queue_length(1), Terms(maximum=60), fleet)

    assert mine.stopped_busy == 0
    assert others.stopped_busy > 20


def test_what_outlives_the_grace_runs_again_elsewhere() -> None:
    came = Workload("w", [0.0] * 10, [200.0] * 10, 900)
    fleet = Fleet(concurrency=1, grace_seconds=5, leaving=Leaving.NEWEST)

    outcome = simulate(came, queue_length(1), Terms(maximum=40, cooldown_seconds=600), fleet)

    assert outcome.killed > 0
    assert len(outcome.waits) == 10


def test_a_job_waits_for_a_poll_and_a_start_where_the_pool_sleeps() -> None:
    came = Workload("w", [101.0], [1.0], 300)

    outcome = simulate(came, ours(8, 30), Terms(), Fleet(startup_seconds=10))

    assert outcome.waits == [pytest.approx(4 + 10)]


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (
        simulate(build_workload(2, 1, 2000, seed=7), queued_and_in_flight(4), Terms(), Fleet())
        for _ in range(2)
    )

    assert first.waits == second.waits


def test_bursts_and_days_have_the_average_that_was_asked_for() -> None:
    rates = [
        workload.bursts(10, 4, every_seconds=600, burst_seconds=60),
        workload.day(10, 2, seconds=6000),
    ]

    for rate in rates:
        average = sum(rate(float(at)) for at in range(6000)) / 6000
        assert average == pytest.approx(10, rel=0.02)


def test_percentiles_are_ranks() -> None:
    assert percentile([], 0.95) == 0
    assert percentile([1, 2, 3, 4], 0.5) == 3
    assert Outcome(waits=[5, 1]).wait(1.0) == 5


def test_queue_length_that_costs_the_same_waits_no_less_and_stops_more_that_are_busy() -> None:
    case = Case(build_workload(rate=4, mean=2, seconds=2400), 4, 30, 10)

    compared = compare(case)

    cost = compared.ours.worker_seconds
    assert compared.cheaper.worker_seconds <= cost <= compared.dearer.worker_seconds
    assert compared.ours.wait(0.95) <= compared.queue_length_wait(0.95)
    assert compared.ours.stopped_busy < compared.dearer.stopped_busy
    assert compared.ours.killed == 0
