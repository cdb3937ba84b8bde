"""Runs three workloads on the real local autoscaler and in the model: measured beside predicted.

    PYTHONPATH=loadtest .venv/bin/python -m model.validate [--seconds 120]

Takes some minutes, on a machine that does nothing else. Exit code 1 where a p95 is off by more
than a quarter. Both get the same jobs at the same times; the model also gets the time that a worker
took to start here, measured before each run.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import TYPE_CHECKING

from jobyard_cli.model import signals, workload
from jobyard_cli.model.outcome import percentile
from jobyard_cli.model.simulation import Fleet, Leaving, simulate
from jobyard_cli.settings import UpSettings
from model.trial import Measured, run, running_yard, startup_seconds

if TYPE_CHECKING:
    from jobyard_cli.model.outcome import Outcome
    from jobyard_cli.model.workload import Workload

_CONCURRENCY = 2
_SHARE = 0.95
_ALLOWED = 0.25
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
    """More than one worker can do, bursts, and a wave: of jobs of a second."""
    rng = random.Random(seed)
    third = seconds / 3
    shapes = {
        "steady above one": (workload.steady(4), 4.0),
        "bursts": (workload.bursts(2, 3, every_seconds=third, burst_seconds=third / 4), 6.0),
        "wave": (workload.day(3, 2, seconds=seconds), 6.0),
    }
    return [
        workload.generated(
            name, rate, workload.exponential(1, rng), rng, most=most, seconds=seconds
        )
        for name, (rate, most) in shapes.items()
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
        start = startup_seconds(yard, polling_seconds=terms.polling_seconds)
        measured = run(yard, jobs)
    fleet = Fleet(concurrency=_CONCURRENCY, startup_seconds=start, leaving=Leaving.IDLE_ONLY)
    signal = signals.ours(_CONCURRENCY, settings.scaled_pool(("default",)).backlog)
    return _show(jobs, start, simulate(jobs, signal, terms, fleet), measured)


def _show(jobs: Workload, start: float, predicted: Outcome, measured: Measured) -> float:
    waits = sorted(measured.waits)
    expected, found = predicted.wait(_SHARE), percentile(waits, _SHARE)
    off = abs(expected - found) / found if found else 0.0
    medians = predicted.wait(0.5), percentile(waits, 0.5)
    times = (f"{seconds:.2f} s" for seconds in (*medians, expected, found))
    sys.stdout.write(
        _ROW.format(jobs.name, len(jobs.arrivals), f"{start:.2f}", *times, f"{off:.0%}")
    )
    if measured.not_succeeded:
        sys.stdout.write(f"{measured.not_succeeded} jobs did not succeed\n")
    sys.stdout.flush()
    return off


if __name__ == "__main__":
    sys.exit(main())
