"""Which settings a pool should have for what is expected of it: tried out in the model."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from jobyard.scaling import BUSY_SHARE, Terms, backlog_per_slot
from jobyard_cli.model import signals, workload
from jobyard_cli.model.simulation import Fleet, simulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard_cli.model.outcome import Outcome
    from jobyard_cli.model.workload import Draw, Rate, Workload

Pattern = Literal["steady", "bursts", "day"]
Spread = Literal["fixed", "exponential", "log-normal"]

_JOBS = 60_000
"""Of one trial: about a quarter of a second."""
_LONGEST_SECONDS = 4 * 3600.0
_SHORTEST_SECONDS = 1200.0
_BURSTS = 5
_BURST_SHARE = 0.1
_SHARE = 0.95
_SPARE = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is expected. Times in seconds; ``peak`` is the highest rate as a multiple of ``rate``.

    ``arrivals`` are those of a recorded trace, which takes the place of rate and pattern.
    """

    rate: float
    job_seconds: float
    target_seconds: float
    pattern: Pattern = "steady"
    peak: float = 3.0
    spread: Spread = "exponential"
    concurrency: int = 8
    startup_seconds: float = 10.0
    arrivals: Sequence[float] = ()
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings, and what the model expects of them."""

    concurrency: int
    latency_target_seconds: float
    terms: Terms
    outcome: Outcome
    workload: Workload
    meets_target: bool

    @property
    def backlog(self) -> float:
        """B of the formula."""
        return backlog_per_slot(self.latency_target_seconds, self.workload.mean_job_seconds)

    @property
    def pod_minutes_an_hour(self) -> float:
        """What it costs."""
        return self.outcome.pod_minutes / (self.workload.seconds / 3600)

    @property
    def changes_an_hour(self) -> float:
        """How restless it is."""
        return self.outcome.changes / (self.workload.seconds / 3600)


def plan_for(wish: Wish) -> Plan:
    """The cheapest settings of those tried with which 95 % start within the target.

    Where none does, those with the shortest wait.
    """
    trial = _Trial(wish)
    best = _best(
        trial.plan(_with_minimum(minimum), target)
        for minimum in trial.minima()
        for target in trial.latency_targets()
    )
    others = [_with_window(best.terms, window) for window in (60.0, 300.0)]
    if best.terms.minimum == 0:
        others += [replace(best.terms, cooldown_seconds=cooldown) for cooldown in (60.0, 300.0)]
    target = best.latency_target_seconds
    return _best([best, *(trial.plan(terms, target) for terms in others)])


class _Trial:
    """One workload, so that settings differ by nothing else."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._workload = workload_of(wish)
        self._slots = wish.rate * wish.job_seconds / (BUSY_SHARE * wish.concurrency)
        """Workers that the average keeps busy."""

    def minima(self) -> list[int]:
        """From sleeping to as many as the average needs."""
        shares = (math.ceil(self._slots * share) for share in (0.5, 1.0))
        return sorted({0, 1, *shares})

    def latency_targets(self) -> list[float]:
        """The wish as it is, and with less of it for working off.

        A job waits for the HPA's next look and a worker's start before any backlog is worked off.
        """
        wish = self._wish
        reaction = wish.startup_seconds + Terms().sync_seconds
        targets = (wish.target_seconds, wish.target_seconds - reaction)
        return sorted({max(wish.job_seconds, target) for target in targets})

    def plan(self, terms: Terms, target_seconds: float) -> Plan:
        """Tries some settings out."""
        wish = self._wish
        backlog = backlog_per_slot(target_seconds, wish.job_seconds)
        fleet = Fleet(
            concurrency=wish.concurrency,
            startup_seconds=wish.startup_seconds,
            grace_seconds=max(self._workload.durations, default=0.0) + 10,
        )
        terms = replace(terms, maximum=max(terms.minimum, self._most()))
        outcome = simulate(self._workload, signals.ours(wish.concurrency, backlog), terms, fleet)
        needed = max(1, terms.minimum, math.ceil(outcome.most * _SPARE))
        terms = replace(terms, maximum=min(terms.maximum, needed))
        meets = outcome.wait(_SHARE) <= wish.target_seconds
        return Plan(wish.concurrency, target_seconds, terms, outcome, self._workload, meets)

    def _most(self) -> int:
        """Twice what the peak keeps busy: nobody waits for the limit."""
        peak = self._wish.peak if self._wish.pattern != "steady" else 1.0
        return max(2, math.ceil(2 * peak * self._slots))


def workload_of(wish: Wish) -> Workload:
    """Hours of it, or the trace."""
    rng = random.Random(wish.seed)  # noqa: S311 - a model
    draw = _draw_of(wish, rng)
    if wish.arrivals:
        start, end = wish.arrivals[0], wish.arrivals[-1]
        arrivals = [at - start for at in wish.arrivals]
        return workload.Workload("trace", arrivals, [draw() for _ in arrivals], end - start)
    seconds = min(max(_JOBS / wish.rate, _SHORTEST_SECONDS), _LONGEST_SECONDS)
    most = wish.rate * (wish.peak if wish.pattern != "steady" else 1.0)
    return workload.generated(
        wish.pattern, _rate_of(wish, seconds), draw, rng, most=most, seconds=seconds
    )


def _rate_of(wish: Wish, seconds: float) -> Rate:
    match wish.pattern:
        case "steady":
            return workload.steady(wish.rate)
        case "bursts":
            every = seconds / _BURSTS
            return workload.bursts(
                wish.rate, wish.peak, every_seconds=every, burst_seconds=every * _BURST_SHARE
            )
        case "day":
            return workload.day(wish.rate, wish.peak, seconds=seconds)


def _draw_of(wish: Wish, rng: random.Random) -> Draw:
    match wish.spread:
        case "fixed":
            return workload.fixed(wish.job_seconds)
        case "exponential":
            return workload.exponential(wish.job_seconds, rng)
        case "log-normal":
            return workload.log_normal(wish.job_seconds, rng)


def _with_minimum(minimum: int) -> Terms:
    return Terms(minimum=minimum, maximum=max(1, minimum))


def _with_window(terms: Terms, seconds: float) -> Terms:
    down = replace(terms.behavior.down, window_seconds=seconds)
    return replace(terms, behavior=replace(terms.behavior, down=down))


def _best(plans: Iterable[Plan]) -> Plan:
    def rank(plan: Plan) -> tuple[bool, float]:
        costs = plan.pod_minutes_an_hour if plan.meets_target else plan.outcome.wait(_SHARE)
        return not plan.meets_target, costs

    return min(plans, key=rank)
