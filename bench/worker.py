"""No-op jobs a second of one worker process: Jobyard beside RQ and six others, in one run.

    .venv/bin/python bench/worker.py [--repetitions 5] [--only jobyard,rq,huey] [--scale 0.1]

All jobs are stored before the one worker process starts. A result is kept for each job, by
everybody; what each system itself stores says how many are finished, asked every 10 ms from
outside. The rate runs from the first twentieth of the jobs to the last one, so the start of the
process does not count. Repetitions alternate, so that whatever else the machine does meets all.
The last participant, ``bare``, is no worker: a loop of claims and settlements of 100 jobs each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from jobyard.ids import Nonces
from jobyard.store import calls
from jobyard.store.records.delivery import Succeeded
from jobyard_worker.settings import WorkerSettings
from lab import Lab, print_versions
from peer import NAMES, Peer
from runs import Run, rate
from usage import processor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobyard.store.records.delivery import Claimed

JOBS = {
    "rq": 1_500,
    "celery": 5_000,
    "arq": 5_000,
    "saq": 8_000,
    "taskiq": 8_000,
    "dramatiq": 12_000,
    "huey": 20_000,
    "jobyard": 100_000,
    "jobyard:process": 30_000,
    "jobyard:asyncio": 30_000,
    "bare": 50_000,
}
"""About five seconds each on two cores."""

_BARE = "bare"


@dataclass
class Participant:
    """Somebody who is measured, and the rates so far (jobs a second)."""

    name: str
    jobs: int
    measure: Callable[[int], Run]
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one of the rates."""
        return statistics.median(self.rates)


def main() -> None:
    arguments = _arguments()
    with Lab() as lab:
        print_versions(lab)
        participants = [_participant(lab, name, arguments) for name in _names(arguments.only)]
        for repetition in range(arguments.repetitions):
            print(f"\nrepetition {repetition + 1}", flush=True)
            participants = [each for each in participants if _repeat(lab, each)]
    print()
    _print_table(participants)
    _print_ratios(participants)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of jobs")
    parser.add_argument("--only", default="", help="comma list, as in: jobyard,rq,celery:solo,bare")
    parser.add_argument("--concurrency", type=int, default=8, help="of Jobyard")
    return parser.parse_args()


def _names(only: str) -> list[str]:
    if only:
        return only.split(",")
    executors = get_args(WorkerSettings.model_fields["executor"].annotation)
    ours = ["jobyard" if name == "thread" else f"jobyard:{name}" for name in executors]
    return [*NAMES, *ours, _BARE]


def _participant(lab: Lab, name: str, arguments: argparse.Namespace) -> Participant:
    jobs = int(JOBS.get(name, JOBS[name.partition(":")[0]]) * arguments.scale)
    if name == _BARE:
        return Participant(name, jobs, lambda jobs: _bare(lab, jobs))
    if name.startswith("jobyard"):
        executor = name.partition(":")[2] or "thread"
        print(f"{name}: {executor} executor, concurrency {arguments.concurrency}, other defaults")
        env = {"JOBYARD_EXECUTOR": executor, "JOBYARD_CONCURRENCY": arguments.concurrency}
        return Participant(name, jobs, lambda jobs: _jobyard(lab, jobs, env))
    peer = Peer(lab, name)
    print(f"{name}: {peer.versions}\n    {peer.settings}")
    return Participant(name, jobs, lambda jobs: _peer(lab, jobs, peer))


def _repeat(lab: Lab, participant: Participant) -> bool:
    """False for one that failed: it is left out from then on, and the others go on."""
    lab.clear()
    try:
        run = participant.measure(participant.jobs)
    except (TimeoutError, subprocess.CalledProcessError) as error:
        print(f"  {participant.name:18} FAILED and is left out: {error}", flush=True)
        return False
    participant.rates.append(run.rate)
    print(
        f"  {participant.name:18} {run.rate:8.0f}/s   processor time a job: "
        f"worker {run.worker_us:6.0f} µs, server {run.server_us:5.0f} µs",
        flush=True,
    )
    return True


# ---------------------------------------------------------------- the participants


def _peer(lab: Lab, jobs: int, peer: Peer) -> Run:
    peer.submit(jobs)
    return rate(lab, peer.start, lambda: peer.finished(jobs), jobs)


def _jobyard(lab: Lab, jobs: int, env: dict[str, object]) -> Run:
    is_asyncio = env["JOBYARD_EXECUTOR"] == "asyncio"
    lab.submit("bench_async_noop" if is_asyncio else "bench_noop", jobs)
    return rate(lab, lambda: lab.worker(**env), lab.finished, jobs)


def _bare(lab: Lab, jobs: int) -> Run:
    """What is left when nothing is between the claim and the settlement."""
    lab.submit("bench_noop", jobs)
    lab.store.run(calls.join("bare", pool="bench", slots=8, lease_seconds=600.0))
    pids, server = [os.getpid()], [lab.server.pid]
    worker_before, server_before = processor(pids), processor(server)
    began = time.perf_counter()
    nonces = Nonces()
    while claimed := lab.store.run(calls.claim("bare", nonces.next(), ["bench"], calls.BATCH)).jobs:
        lab.store.run(calls.settle("bare", [_success(job) for job in claimed]))
    seconds = time.perf_counter() - began
    worker, store = processor(pids) - worker_before, processor(server) - server_before
    return Run(jobs / seconds, worker.total / jobs * 1e6, store.total / jobs * 1e6)


def _success(job: Claimed) -> Succeeded:
    now = time.monotonic()
    return Succeeded(id=job.id, token=job.token, started=now, ended=now, result=b"null")


# ---------------------------------------------------------------- the report


def _print_table(participants: Sequence[Participant]) -> None:
    print(f"{'':20}{'median':>9} jobs/s   (lowest to highest)")
    for each in sorted(participants, key=lambda each: each.median):
        low, high = min(each.rates), max(each.rates)
        print(f"{each.name:20}{each.median:9.0f}          ({low:.0f} to {high:.0f})")


def _print_ratios(participants: Sequence[Participant]) -> None:
    found = {each.name: each for each in participants}
    peers = [each for each in participants if not each.name.startswith(("jobyard", _BARE, "rq"))]
    for ours in (each for each in participants if each.name.startswith("jobyard")):
        if peers:
            fastest = max(peers, key=lambda each: each.median)
            _print_ratio(ours, fastest, f"the fastest peer, {fastest.name}")
        for other in ("rq", "jobyard", _BARE):
            if other in found and other != ours.name:
                _print_ratio(ours, found[other], other)


def _print_ratio(ours: Participant, theirs: Participant, name: str) -> None:
    each = ", ".join(f"{a / b:.2f}" for a, b in zip(ours.rates, theirs.rates, strict=True))
    print(f"{ours.name} / {name}: {ours.median / theirs.median:.2f}   (each repetition: {each})")


if __name__ == "__main__":
    main()
