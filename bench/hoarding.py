"""Whether a claimed job waits while another worker is idle: 1 ms and 10 s jobs on four workers.

    .venv/bin/python bench/hoarding.py [--quick 20000] [--long 40] [--long-seconds 10]

Long jobs are strewn among quick ones at random, all stored before the workers start. Each task
notes its token, start and end; from outside, what each worker holds is read about every 5 ms.
A delivery waits from the first time that it is seen held to its start (or until it is given back).
While it does, another worker is idle when it has a free slot. The figure is the longest stretch
without a break in which one delivery waited and one other worker was idle.
"""

from __future__ import annotations

import argparse
import bisect
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobyard.store import calls
from lab import Lab, print_versions, submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jobyard.store.records.submission import Submission

_QUICK_SECONDS = 0.001
_LOOK_SECONDS = 0.005

TASKS = '''
import os
import time

from jobyard import Context, task

_log = os.open(os.environ["BENCH_RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@task
def bench_mixed(context: Context, seconds: float) -> None:
    """Notes when it ran."""
    began = time.monotonic()
    time.sleep(seconds)
    os.write(_log, f"{context.token} {began} {time.monotonic()}\\n".encode())
'''


@dataclass
class Delivery:
    """What is known of one delivery; times of the machine's clock, in seconds."""

    worker: str
    held_from: float
    held_to: float
    began: float = float("inf")
    ended: float = float("inf")

    @property
    def waited_to(self) -> float:
        """When it started, or was last seen held without having started; never before it waited."""
        return max(min(self.began, self.held_to), self.held_from)


@dataclass
class Watch:
    """All deliveries by token, and when the looks were."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    looks: list[float] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    with Lab() as lab:
        print_versions(lab)
        (lab.folder / "bench_mixed.py").write_text(TASKS)
        _submit(lab, arguments)
        began = time.monotonic()
        watch = _run(lab, arguments)
        _note_runs(watch, lab.folder / "runs")
        print(f"all finished after {time.monotonic() - began:.1f} s, {len(watch.looks)} looks")
    _print(watch, arguments.concurrency)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--quick", type=int, default=20_000, help="jobs of 1 ms")
    parser.add_argument("--long", type=int, default=40, help="long jobs")
    parser.add_argument("--long-seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


# ---------------------------------------------------------------- run


def _submit(lab: Lab, arguments: argparse.Namespace) -> None:
    times = [_QUICK_SECONDS] * arguments.quick + [arguments.long_seconds] * arguments.long
    random.Random(arguments.seed).shuffle(times)
    for at in range(0, len(times), calls.BATCH):
        batch = [_job(seconds) for seconds in times[at : at + calls.BATCH]]
        lab.store.run(calls.submit(batch))


def _job(seconds: float) -> Submission:
    return submission("bench_mixed", json.dumps({"seconds": seconds}).encode())


def _run(lab: Lab, arguments: argparse.Namespace) -> Watch:
    env = {
        "JOBYARD_TASK_MODULES": "bench_mixed",
        "JOBYARD_CONCURRENCY": arguments.concurrency,
        "BENCH_RUNS": lab.folder / "runs",
    }
    workers = [lab.worker(**env) for _ in range(arguments.workers)]
    watch, wanted = Watch(), arguments.quick + arguments.long
    while lab.finished() < wanted:
        assert all(worker.is_running for worker in workers), workers[0].log()[-4000:]
        _look(lab, watch)
        time.sleep(_LOOK_SECONDS)
    return watch


def _look(lab: Lab, watch: Watch) -> None:
    workers = [name.decode() for name in lab.client.zrange(lab.store.keys.lease(), 0, -1)]
    pipeline = lab.client.pipeline(transaction=True)
    for worker in workers:
        pipeline.hkeys(lab.store.keys.held(worker))
    before = time.monotonic()
    for worker, held in zip(workers, pipeline.execute(), strict=True):
        for member in held:
            _see(watch, member.decode().partition(":")[2], worker, before)
    watch.looks.append(before)


def _see(watch: Watch, token: str, worker: str, now: float) -> None:
    seen = watch.deliveries.setdefault(token, Delivery(worker, now, now))
    seen.held_to = now


def _note_runs(watch: Watch, path: Path) -> None:
    """A job that was claimed, run and settled between two looks waited for none of them."""
    for line in path.read_text().splitlines():
        token, began, ended = line.split()
        if (delivery := watch.deliveries.get(token)) is not None:
            delivery.began, delivery.ended = float(began), float(ended)


# ---------------------------------------------------------------- judgement


def _print(watch: Watch, slots: int) -> None:
    idle = _idle(watch, slots)
    waits = [each.waited_to - each.held_from for each in watch.deliveries.values()]
    beside = [_longest(each, idle) for each in watch.deliveries.values()]
    back = sum(each.began == float("inf") for each in watch.deliveries.values())
    print(f"{len(waits)} deliveries were seen, {back} of them given back before their start")
    print(f"longest wait of a claimed job: {max(waits) * 1000:.0f} ms")
    print(f"longest wait beside another worker that was idle: {max(beside) * 1000:.0f} ms")
    for limit in (0.05, 0.25, 1.0):
        print(f"    longer than {limit * 1000:.0f} ms: {sum(each > limit for each in beside)}")


def _idle(watch: Watch, slots: int) -> dict[str, list[tuple[float, float]]]:
    """When each worker had a free slot, from the starts and ends of what it ran."""
    changes: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for each in watch.deliveries.values():
        if each.began < float("inf"):
            changes[each.worker] += [(each.began, 1), (each.ended, -1)]
    return {worker: list(_gaps(sorted(rows), slots)) for worker, rows in changes.items()}


def _gaps(changes: Sequence[tuple[float, int]], slots: int) -> Iterator[tuple[float, float]]:
    """From its first job on; before that the worker was starting."""
    busy, free_from = 0, changes[0][0]
    for moment, change in changes:
        if busy + change == slots and busy < slots:
            yield free_from, moment
        elif busy == slots:
            free_from = moment
        busy += change
    yield free_from, float("inf")


def _longest(each: Delivery, idle: dict[str, list[tuple[float, float]]]) -> float:
    """The longest stretch of its wait in which one other worker had a free slot."""
    return max(
        (
            min(to, each.waited_to) - max(begin, each.held_from)
            for worker, gaps in idle.items()
            if worker != each.worker
            for begin, to in _during(gaps, each)
        ),
        default=0.0,
    )


def _during(gaps: list[tuple[float, float]], each: Delivery) -> Iterator[tuple[float, float]]:
    """The gaps that a delivery's wait met."""
    at = bisect.bisect_right(gaps, each.held_from, key=lambda gap: gap[1])
    while at < len(gaps) and gaps[at][0] < each.waited_to:
        yield gaps[at]
        at += 1


if __name__ == "__main__":
    main()
