"""What a worker costs before it works, and whether it grows while it does.

    .venv/bin/python bench/memory.py [--jobs 1000000] [--executors thread,asyncio,process]

* start: seconds from the start of the process until it has claimed a job that waits;
* idle: RSS of the worker, of its keeper and of its warm children, two seconds after the start;
* growth: RSS sampled over a million no-op jobs, in waves; what is finished is pruned between them.

A megabyte is 10^6 bytes. RSS counts what processes share in each of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from jobyard.store import calls
from jobyard_worker.settings import WorkerSettings
from lab import QUEUE, Lab, print_versions, wait_until
from usage import resident_megabytes

if TYPE_CHECKING:
    from support.processes import Service

_WAVE = 25_000
_IDLE_SECONDS = 2.0
_SAMPLE_SECONDS = 0.25
_WARM_SHARE = 0.1
"""The first tenth of the jobs fills caches and pools; the rest must be flat."""


def main() -> None:
    arguments = _arguments()
    with Lab() as lab:
        print_versions(lab)
        for executor in arguments.executors.split(","):
            print(f"\n{executor} executor, concurrency {arguments.concurrency}", flush=True)
            env = {"JOBYARD_EXECUTOR": executor, "JOBYARD_CONCURRENCY": arguments.concurrency}
            _print_starts([_start(lab, env) for _ in range(arguments.starts)])
            _print_idle(lab, env)
            _print_growth(_growth(lab, env, arguments.jobs))


def _arguments() -> argparse.Namespace:
    executors = get_args(WorkerSettings.model_fields["executor"].annotation)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--executors", default=",".join(executors), help="comma list")
    return parser.parse_args()


# ---------------------------------------------------------------- start


def _start(lab: Lab, env: dict[str, object]) -> float:
    """Seconds to the first claim; the files of the interpreter are in the system's cache."""
    lab.clear()
    lab.submit("bench_noop", 1)
    began = time.perf_counter()
    with lab.worker(**env):
        _, claimed = wait_until(lambda: -_waiting(lab), 0, poll=0.002)
    return claimed - began


def _print_starts(seconds: list[float]) -> None:
    shown = " ".join(f"{value:.2f}" for value in sorted(seconds))
    print(f"  start to first claim: median {statistics.median(seconds):.2f} s   ({shown})")


# ---------------------------------------------------------------- idle


def _print_idle(lab: Lab, env: dict[str, object]) -> None:
    lab.clear()
    with lab.worker(**env) as service:
        wait_until(lambda: int(lab.client.zcard(lab.store.keys.lease())), 1)
        time.sleep(_IDLE_SECONDS)
        print(f"  idle: worker {resident_megabytes(service.pid):.1f} MB", end="")
        for pid in service.children():
            print(f", {_kind(pid)} {resident_megabytes(pid):.1f} MB", end="")
    print()


def _kind(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return "keeper" if b"keeper" in command else "child"


# ---------------------------------------------------------------- growth


@dataclass(frozen=True)
class Sample:
    """Megabytes after so many jobs: of the worker, and of it with all that came from it."""

    jobs: int
    worker: float
    together: float


def _growth(lab: Lab, env: dict[str, object], jobs: int) -> list[Sample]:
    lab.clear()
    samples: list[Sample] = []
    with lab.worker(**env) as service:
        for done in range(0, jobs, _WAVE):
            lab.submit("bench_noop", min(_WAVE, jobs - done), result_ttl_seconds=1)
            samples += _watch(lab, service, done)
            _prune(lab)
    return samples


def _watch(lab: Lab, service: Service, done: int) -> list[Sample]:
    """Samples until the wave is worked off, and one after."""
    samples = []
    while waiting := _waiting(lab) + _claimed(lab):
        assert service.is_running, service.log()[-4000:]
        samples.append(_sample(service, done + _WAVE - waiting))
        time.sleep(_SAMPLE_SECONDS)
    return [*samples, _sample(service, done + _WAVE)]


def _sample(service: Service, jobs: int) -> Sample:
    worker = resident_megabytes(service.pid)
    return Sample(jobs, worker, worker + sum(map(resident_megabytes, service.children())))


def _prune(lab: Lab) -> None:
    """Forgets what is finished and its second over; the rest goes after the next wave."""
    while lab.store.run(calls.prune(limit=1000)):
        pass


def _print_growth(samples: list[Sample]) -> None:
    last = samples[-1].jobs
    steady = [sample for sample in samples if sample.jobs >= last * _WARM_SHARE]
    print(f"  growth over {last} jobs, {len(steady)} samples after the first tenth:")
    for name in ("worker", "together"):
        sizes = [getattr(sample, name) for sample in steady]
        mean = statistics.fmean(sizes)
        print(
            f"    {name:8}: mean {mean:.1f} MB, {min(sizes) / mean - 1:+.1%} to "
            f"{max(sizes) / mean - 1:+.1%}; first {sizes[0]:.1f} MB, last {sizes[-1]:.1f} MB"
        )


def _waiting(lab: Lab) -> int:
    return int(lab.client.llen(lab.store.keys.queue(QUEUE)))


def _claimed(lab: Lab) -> int:
    return int(lab.client.zcard(lab.store.keys.registry("wip", QUEUE)))


if __name__ == "__main__":
    main()
