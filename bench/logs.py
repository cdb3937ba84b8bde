"""What a line of the log costs a job: microseconds of the worker's processor time, in pairs.

    .venv/bin/python bench/logs.py [--repetitions 7] [--jobs 30000]

Each pair is two runs of one worker process, one after the other, in an order that turns: the same
jobs at ``JOBYARD_LOG_LEVEL=error``, where nothing is written, and at ``info``. The line of each
attempt's end is what the worker writes itself; the others are written by the task, beside it, and
their pairs are two tasks at ``info``. Lines go to a file. The start of a process does not count.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, field

from lab import Lab, print_versions, wait_until
from usage import processor, tree_of

_WARM_SHARE = 0.05


@dataclass(frozen=True)
class Side:
    """One of a pair: which task runs, at which level."""

    task: str
    level: str


@dataclass
class Pair:
    """What one line adds, in each repetition."""

    name: str
    without: Side
    with_line: Side
    base_us: list[float] = field(default_factory=list)
    added_us: list[float] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    quiet, talking = Side("bench_noop", "error"), Side("bench_noop", "info")
    pairs = [
        Pair("the worker's line of an attempt's end", quiet, talking),
        Pair(
            "context.log.info of a task", Side("bench_context", "info"), Side("bench_log", "info")
        ),
        Pair("logging.info of a library", talking, Side("bench_library", "info")),
        Pair("nothing: two equal runs", quiet, quiet),
    ]
    with Lab() as lab:
        print_versions(lab)
        for repetition in range(arguments.repetitions):
            for pair in pairs:
                _measure(lab, pair, arguments.jobs, turned=repetition % 2 == 1)
            print(f"repetition {repetition + 1} of {arguments.repetitions}", flush=True)
    print(f"\n{'one line of a job costs':42}{'median':>9} µs   (lowest to highest)   a job without")
    for pair in pairs:
        _print(pair)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=30_000)
    return parser.parse_args()


def _measure(lab: Lab, pair: Pair, jobs: int, *, turned: bool) -> None:
    order = (pair.with_line, pair.without) if turned else (pair.without, pair.with_line)
    first, second = (_worker_us(lab, side, jobs) for side in order)
    without, with_line = (second, first) if turned else (first, second)
    pair.base_us.append(without)
    pair.added_us.append(with_line - without)


def _worker_us(lab: Lab, side: Side, jobs: int) -> float:
    """Processor time of the worker and all that came from it, a job."""
    lab.clear()
    lab.submit(side.task, jobs)
    with lab.worker(JOBYARD_LOG_LEVEL=side.level) as service:
        first, _ = wait_until(lab.finished, int(jobs * _WARM_SHARE))
        pids = tree_of(service)
        before = processor(pids)
        last, _ = wait_until(lab.finished, jobs)
        return (processor(pids) - before).total / (last - first) * 1e6


def _print(pair: Pair) -> None:
    low, high = min(pair.added_us), max(pair.added_us)
    added, base = statistics.median(pair.added_us), statistics.median(pair.base_us)
    print(f"{pair.name:42}{added:9.1f}      ({low:.1f} to {high:.1f}){base:14.0f} µs")


if __name__ == "__main__":
    main()
