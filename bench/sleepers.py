"""Seconds that a thousand concurrent ``asyncio.sleep(1)`` jobs of one worker process take.

    .venv/bin/python bench/sleepers.py [--repetitions 5] [--jobs 1000] [--executor asyncio]

All jobs are stored before the worker starts. Two spans, both seen from outside, every 2 ms: from
the moment when nothing waits any more (the last claim) to the last stored result, and from the
first claim. Nothing can be quicker than the second that each job sleeps.
"""

from __future__ import annotations

import argparse
import statistics
from typing import get_args

from jobyard_worker.settings import WorkerSettings
from lab import QUEUE, Lab, print_versions, wait_until

_POLL_SECONDS = 0.002
_NAP = b'{"seconds": 1}'


def main() -> None:
    arguments = _arguments()
    known = get_args(WorkerSettings.model_fields["executor"].annotation)
    if arguments.executor not in known:
        print(f"There is no executor {arguments.executor}: {', '.join(known)}.")
        return
    with Lab() as lab:
        print_versions(lab)
        print(f"{arguments.jobs} jobs, {arguments.executor} executor, as many at once")
        spans = [_measure(lab, arguments) for _ in range(arguments.repetitions)]
    for name, seconds in zip(("first", "last"), zip(*spans, strict=True), strict=True):
        shown = " ".join(f"{value:.3f}" for value in seconds)
        median = statistics.median(seconds)
        print(f"from the {name:5} claim to all finished: median {median:.3f} s   ({shown})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--executor", default="asyncio")
    return parser.parse_args()


def _measure(lab: Lab, arguments: argparse.Namespace) -> tuple[float, float]:
    """Seconds from the first and from the last claim to the end."""
    jobs = arguments.jobs
    lab.clear()
    lab.submit("bench_nap", jobs, _NAP)
    key = lab.store.keys.queue(QUEUE)
    with lab.worker(JOBYARD_EXECUTOR=arguments.executor, JOBYARD_CONCURRENCY=jobs) as service:
        try:
            _, first = wait_until(lambda: jobs - int(lab.client.llen(key)), 1, poll=_POLL_SECONDS)
            _, last = wait_until(lambda: -int(lab.client.llen(key)), 0, poll=_POLL_SECONDS)
            _, ended = wait_until(lab.finished, jobs, poll=_POLL_SECONDS)
        except TimeoutError:
            print(service.log()[-4000:])
            raise
    return ended - first, ended - last


if __name__ == "__main__":
    main()
