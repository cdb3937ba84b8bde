"""What a job costs its worker for being watched: paired runs, each with one thing turned on.

    .venv/bin/python bench/overhead.py [--repetitions 9] [--jobs 60000] [--only off,metrics,lines]

* off: neither metrics nor lines of the log;
* metrics: they are counted, as always;
* lines: one line of the log a job, and no metrics.

A round has a run of each, in an order that turns, and a cost is the difference of two runs of one
round: processor time of the worker and its children, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING

from lab import Lab, print_versions
from runs import rate
from slices import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNWATCHED = """
from jobyard_worker.busy_clock import BusyClock
from jobyard_worker.job_metrics import JobMetrics

JobMetrics.note = lambda *_: None
BusyClock.note = lambda *_: None
"""
"""Nobody can turn metrics off; here a module that the worker imports with its tasks does."""

_QUIET = {"JOBYARD_TASK_MODULES": "bench_tasks,bench_unwatched", "JOBYARD_LOG_LEVEL": "warning"}
_VARIANTS = {
    "off": _QUIET,
    "metrics": {**_QUIET, "JOBYARD_TASK_MODULES": "bench_tasks"},
    "lines": {**_QUIET, "JOBYARD_LOG_LEVEL": "info"},
}


def main() -> None:
    arguments = _arguments()
    names = arguments.only.split(",")
    used: dict[str, list[float]] = {name: [] for name in names}
    with Lab() as lab:
        print_versions(lab)
        (lab.folder / "bench_unwatched.py").write_text(_UNWATCHED)
        for number in range(max(2, arguments.repetitions)):
            first = number % len(names)
            for name in (*names[first:], *names[:first]):
                used[name].append(_run(lab, name, arguments.jobs))
            print(f"round {number + 1}: " + _shown(names, used), flush=True)
    _print_costs(used)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--jobs", type=int, default=60_000, help="of each run")
    parser.add_argument("--only", default=",".join(_VARIANTS), help="comma list; off is needed")
    return parser.parse_args()


def _run(lab: Lab, name: str, jobs: int) -> float:
    lab.clear()
    lab.submit("bench_noop", jobs)
    return rate(lab, lambda: lab.worker(**_VARIANTS[name]), lab.finished, jobs).worker_us


def _shown(names: Sequence[str], used: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {used[name][-1]:.1f} us" for name in names)


def _print_costs(used: dict[str, list[float]]) -> None:
    print("\nprocessor time a job, median (quartiles)")
    for name, values in used.items():
        costs = [value - off for value, off in zip(values, used["off"], strict=True)]
        added = f"   adds {spread(costs, 1)} us" if name != "off" else ""
        print(f"  {name:10}{statistics.median(values):6.1f} us{added}")


if __name__ == "__main__":
    main()
