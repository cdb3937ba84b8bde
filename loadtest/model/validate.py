"""Runs three workloads on the real local autoscaler and in the model: measured beside predicted.

    PYTHONPATH=loadtest .venv/bin/python -m model.validate [--seconds 120]

Takes some minutes, on a machine that does nothing else. Exit code 1 where a p95 is off by more
than a quarter. Both get the same jobs at the same times; the model is also told how long workers
took to start in that run, on average, and runs them at eight moments of the HPA's round: nobody
knows at which one the real jobs began.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard_cli.model import signals, workload
from jobyard_cli.model.outcome import Outcome, percentile
from jobyard_cli.model.simulation import Fleet, Leaving, simulate
from jobyard_cli.settings import UpSettings
from model.trial import Measured, run, running_yard

if TYPE_CHECKING:
    from jobyard_cli.model.workload import Workload

_CONCURRENCY = 2
_SHARE = 0.95
_ALLOWED = 0.25
_PARTS = 8
_SETTINGS = {
    "JOBYARD_AUTOSCALE": "true",
    "JOBYARD_AUTOSCALE_MAX": "5",
    "JOBYARD_AUTOSCALE_SPEED": "3",
    "JOBYARD_AUTOSCALE_LATENCY_TARGET_SECONDS": "4",
    "JOBYARD_AUTOSCALE_MEAN_JOB_SECONDS": "1",
    "JOBYARD_CONCURRENCY": str(_CONCURRENCY),
    "JOBYARD_QUEUES": "default",
    "JOBYARD_NOTIFICATIONS": "false",
}
_COLUMNS = ("p50 predicted", "p50 measured", "p95 predicted", "p95 measured")
_ROW = "{:<18} {:>5} {:>8} {:>14} {:>14} {:>14} {:>14} {:>5}\n"


def workloads(seconds: float, seed: int = 1) -> list[Workload]:
    """Bursts, waves, and long jobs in bursts: each comes several times in a run."""
    rng = random.Random(seed)
    bursts = workload.bursts(2.5, 3, every_seconds=31, burst_seconds=8)
    waves = workload.day(3, 2, seconds=41)
    seldom = workload.bursts(1, 3, every_seconds=43, burst_seconds=12)
    shapes = {"bursts": (bursts, 7.5, 1), "waves": (waves, 6.0, 1), "longer jobs": (seldom, 3.0, 3)}
    return [
        workload.generated(
            name, rate, workload.exponential(mean, rng), rng, most=most, seconds=seconds
        )
        for name, (rate, most, mean) in shapes.items()
    ]


def main() -> int:
    """Runs all three."""
    parser = argparse.ArgumentParser(prog="model.validate", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    heads = ("workload", "jobs", "start s", *_COLUMNS, "off")
    sys.stdout.write(_ROW.format(*heads))
    off = [_validate(each) for each in workloads(arguments.seconds, arguments.seed)]
    return int(max(off) > _ALLOWED)


def _validate(jobs: Workload) -> float:
    settings = UpSettings.load(
        _env_file=None, **{name.lower(): value for name, value in _SETTINGS.items()}
    )
    terms = settings.terms()
    with running_yard(_SETTINGS) as yard:
        measured = run(yard, jobs)
    fleet = Fleet(
        concurrency=_CONCURRENCY,
        startup_seconds=measured.startup_seconds,
        leaving=Leaving.IDLE_ONLY,
    )
    signal = signals.ours(_CONCURRENCY, settings.scaled_pool(("default",)).backlog)
    predicted = Outcome()
    for part in range(_PARTS):
        later = _later(jobs, terms.sync_seconds * part / _PARTS)
        predicted.waits += simulate(later, signal, terms, fleet).waits
    return _show(jobs, predicted, measured)


def _later(jobs: Workload, seconds: float) -> Workload:
    return replace(jobs, arrivals=[at + seconds for at in jobs.arrivals])


def _show(jobs: Workload, predicted: Outcome, measured: Measured) -> float:
    waits = sorted(measured.waits)
    expected, found = predicted.wait(_SHARE), percentile(waits, _SHARE)
    off = abs(expected - found) / found if found else 0.0
    medians = predicted.wait(0.5), percentile(waits, 0.5)
    start = f"{measured.startup_seconds:.2f}"
    times = (f"{seconds:.2f} s" for seconds in (*medians, expected, found))
    sys.stdout.write(_ROW.format(jobs.name, len(jobs.arrivals), start, *times, f"{off:.0%}"))
    if measured.not_succeeded:
        sys.stdout.write(f"{measured.not_succeeded} jobs did not succeed\n")
    sys.stdout.flush()
    return off


if __name__ == "__main__":
    sys.exit(main())
