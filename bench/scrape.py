"""What a scrape of the scheduler takes, and what its gauge asks of the store.

    .venv/bin/python bench/scrape.py [--queues 200] [--most 1000000] [--workers 100]

With 10^3 jobs waiting and with ``--most``, spread over the queues, and as many registered workers:

* look: one call of the gauge, from outside, in the server (commandstats), its processor time, and
  the commands in it;
* scrape: ``GET /metrics`` of a running scheduler, and how much that brings.

Medians with quartiles. Processor time says more where the machine does other things as well.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import httpx

from jobyard.store import calls
from jobyard.store.levels import levels
from lab import Lab, print_versions
from slices import spread
from support.scraping import Samples, port_of
from support.waiting import wait_for
from usage import processor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_FEW = 1_000
_ROUNDS = 50
_LEASE_SECONDS = 3_600.0


def main() -> None:
    arguments = _arguments()
    with Lab({"appendonly": "no"}) as lab:
        print_versions(lab)
        names = [f"queue{number}" for number in range(arguments.queues)]
        _join(lab, names, arguments.workers)
        waiting = 0
        for wanted in dict.fromkeys((min(_FEW, arguments.most), arguments.most)):
            _fill(lab, names, wanted - waiting)
            waiting = wanted
            print(f"\n{waiting} jobs wait in {len(names)} queues, {arguments.workers} workers")
            _measure_looks(lab)
            _measure_scrapes(lab, waiting)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queues", type=int, default=200)
    parser.add_argument("--most", type=int, default=1_000_000, help="jobs that wait in the end")
    parser.add_argument("--workers", type=int, default=100)
    return parser.parse_args()


def _join(lab: Lab, queues: Sequence[str], workers: int) -> None:
    for number in range(workers):
        name = f"worker{number}"
        joining = calls.join(
            name, pool=f"pool{number % 5}", slots=8, lease_seconds=_LEASE_SECONDS, queues=queues
        )
        lab.store.run(joining)
        lab.store.run(calls.renew(name, lease_seconds=_LEASE_SECONDS, busy=number % 9))


def _fill(lab: Lab, queues: Sequence[str], jobs: int) -> None:
    for place, queue in enumerate(queues):
        lab.submit("bench_noop", jobs // len(queues) + (place < jobs % len(queues)), queue=queue)


def _measure_looks(lab: Lab) -> None:
    lab.store.run(levels())
    lab.client.config_resetstat()
    before = processor([lab.server.pid])
    taken = _milliseconds(lambda: lab.store.run(levels()))
    used = processor([lab.server.pid]) - before
    stats = lab.client.info("commandstats")
    look = stats["cmdstat_evalsha"]
    commands = sum(row["calls"] for row in stats.values()) / look["calls"] - 1
    print(f"  look    {spread(taken, 2)} ms, in the server {look['usec_per_call'] / 1000:.2f} ms")
    print(f"          processor time of the server {used.total / _ROUNDS * 1000:.1f} ms")
    print(f"          one call, {commands:.0f} commands in it")


def _measure_scrapes(lab: Lab, waiting: int) -> None:
    with lab.services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false") as scheduler:
        url = f"http://127.0.0.1:{port_of(scheduler)}/metrics"
        wait_for(lambda: _queued(url) == waiting, 60.0, scheduler.log)
        with httpx.Client() as client:
            before = processor([scheduler.pid])
            taken = _milliseconds(lambda: client.get(url))
            used = processor([scheduler.pid]) - before
            answer = client.get(url)
    series = sum(len(family.samples) for family in Samples(answer.text).families)
    print(f"  scrape  {spread(taken, 1)} ms, {series} series, {len(answer.content)} bytes")
    print(f"          processor time {used.total / _ROUNDS * 1000:.1f} ms, with all its loops")


def _queued(url: str) -> float:
    families = Samples(httpx.get(url, timeout=30).text).families
    return sum(
        sample.value
        for family in families
        if family.name == "jobyard_queue_jobs"
        for sample in family.samples
        if sample.labels["state"] == "queued"
    )


def _milliseconds(action: Callable[[], object]) -> list[float]:
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        action()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    main()
