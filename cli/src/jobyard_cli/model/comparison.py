"""Our signal beside queue length alone, at the same cost: five workloads, the same pods, terms."""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobyard.scaling import Terms, backlog_per_slot
from jobyard_cli.model import signals, workload
from jobyard_cli.model.simulation import Fleet, simulate

if TYPE_CHECKING:
    from jobyard_cli.model.outcome import Outcome
    from jobyard_cli.model.workload import Workload

_STEPS = 10
_HOUR = 3600.0
_BETWEEN_BURSTS = 1807.0
_BETWEEN_TEETH = 307.0
"""No multiples of the HPA's 15 s: each burst comes at another moment of its round."""


@dataclass(frozen=True, slots=True)
class Case:
    """One workload, and what its pool is told."""

    workload: Workload
    concurrency: int
    latency_target_seconds: float
    maximum: int
    minimum: int = 0

    @property
    def terms(self) -> Terms:
        """Those of the chart."""
        return Terms(minimum=self.minimum, maximum=self.maximum)

    @property
    def fleet(self) -> Fleet:
        """Pods whose grace is longer than any job, as ``maxJobSeconds`` has it."""
        longest = max(self.workload.durations)
        return Fleet(concurrency=self.concurrency, grace_seconds=longest + 10)


@dataclass(frozen=True, slots=True)
class Compared:
    """The same workload by our signal, and by queue length for a little less and a little more."""

    name: str
    ours: Outcome
    cheaper: Outcome
    dearer: Outcome

    def queue_length_wait(self, share: float) -> float:
        """The wait by queue length at our cost: between both, by cost."""
        low, high = self.cheaper.worker_seconds, self.dearer.worker_seconds
        place = (self.ours.worker_seconds - low) / (high - low) if high > low else 0.0
        cheaper, dearer = self.cheaper.wait(share), self.dearer.wait(share)
        return cheaper + (dearer - cheaper) * place


def cases(seed: int = 1) -> list[Case]:
    """Steady, bursts, a day, long jobs, and a sawtooth of short ones."""
    rng = random.Random(seed)  # noqa: S311 - a model
    steady = workload.generated(
        "steady, 2 s jobs", workload.steady(10), workload.exponential(2, rng), rng,
        most=10, seconds=2 * _HOUR,
    )  # fmt: skip
    bursts = workload.generated(
        "bursts, 2 s jobs",
        workload.bursts(6, 5, every_seconds=_BETWEEN_BURSTS, burst_seconds=180),
        workload.exponential(2, rng), rng, most=30, seconds=3 * _HOUR,
    )  # fmt: skip
    day = workload.generated(
        "a day in four hours, 2 s jobs", workload.day(6, 2, seconds=4 * _HOUR),
        workload.log_normal(2, rng), rng, most=12, seconds=4 * _HOUR,
    )  # fmt: skip
    long = workload.generated(
        "bursts, 60 s jobs",
        workload.bursts(0.2, 3, every_seconds=_HOUR, burst_seconds=600),
        workload.log_normal(60, rng), rng, most=0.6, seconds=4 * _HOUR,
    )  # fmt: skip
    sawtooth = workload.generated(
        "sawtooth, 0.5 s jobs",
        workload.bursts(10, 4, every_seconds=_BETWEEN_TEETH, burst_seconds=60),
        workload.fixed(0.5), rng, most=40, seconds=2 * _HOUR,
    )  # fmt: skip
    return [
        Case(steady, 8, 30, 20),
        Case(bursts, 8, 5, 20),
        Case(day, 4, 30, 20),
        Case(long, 1, 60, 60),
        Case(sawtooth, 4, 5, 20, minimum=1),
    ]


def compare(case: Case) -> Compared:
    """Runs both. Queue length gets the target with which it costs what ours costs."""
    backlog = backlog_per_slot(case.latency_target_seconds, case.workload.mean_job_seconds)
    ours = simulate(case.workload, signals.ours(case.concurrency, backlog), case.terms, case.fleet)
    cheaper, dearer = _around(case, ours.worker_seconds)
    return Compared(case.workload.name, ours, cheaper, dearer)


def _around(case: Case, worker_seconds: float) -> tuple[Outcome, Outcome]:
    """Queue length at the nearest costs below and above the given one.

    Its cost is set by its target; where even the dearest is cheaper, by more pods at the least.
    """
    low, high = 0.01, 1_000.0  # jobs a worker: dear, cheap
    found = [_by_queue_length(case, high), _by_queue_length(case, low)]
    while found[-1].worker_seconds < worker_seconds:
        case = replace(case, minimum=case.minimum + 1)
        found.append(_by_queue_length(case, low))
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        found.append(_by_queue_length(case, middle))
        low, high = (middle, high) if found[-1].worker_seconds >= worker_seconds else (low, middle)
    found.sort(key=lambda each: each.worker_seconds)
    at = bisect_left(found, worker_seconds, key=lambda each: each.worker_seconds)
    return found[max(0, at - 1)], found[min(at, len(found) - 1)]


def _by_queue_length(case: Case, target: float) -> Outcome:
    return simulate(case.workload, signals.queue_length(target), case.terms, case.fleet)
