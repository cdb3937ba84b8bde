"""What a line of the log costs a job, in microseconds of the worker's processor time.

    .venv/bin/python bench/logs.py [--repetitions 7] [--jobs 30000] [--only step,worker]

* step: the code that makes and writes a line, in one thread of this process, to a file: a busy
  machine disturbs it least;
* worker: pairs of runs of one worker process, one after the other, in an order that turns: the same
  jobs at ``JOBYARD_LOG_LEVEL=error``, where nothing is written, and at ``info``; and two tasks at
  ``info``, of which one logs. Here slots wait for each other's writes, too.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobyard import Context
from jobyard.observability.line_stream import lines_together
from jobyard.observability.log_level import set_level
from jobyard.observability.logging import LogFields, configure_logging
from jobyard.settings import Settings
from jobyard.store.records.delivery import Settled
from jobyard_worker.delivery import Delivery
from jobyard_worker.job_fields import fields_of
from jobyard_worker.outcome_log import OutcomeLog
from lab import Lab, print_versions
from runs import rate
from slices import spread
from support.builders import build_claimed, build_settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BATCH = 64
_STEPS = 50
_ROUNDS = 41


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
    chosen = arguments.only.split(",")
    with Lab() as lab:
        print_versions(lab)
        if "step" in chosen:
            _in_steps(lab)
        if "worker" in chosen:
            _in_workers(lab, arguments.repetitions, arguments.jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--only", default="step,worker", help="comma list")
    return parser.parse_args()


# ---------------------------------------------------------------- in one thread


def _in_steps(lab: Lab) -> None:
    with (lab.folder / "steps.log").open("wb") as stream:
        configure_logging("worker", Settings.load(_env_file=None, log_level="info"), stream)
        print(f"\nin one thread, µs a line: median (quartiles) of {_ROUNDS} rounds")
        for name, step, lines in _steps():
            for level in ("info", "error"):
                set_level(level)
                us = [_thread_us(step, lines) for _ in range(_ROUNDS)]
                print(f"  {name:44}at {level:6}{spread(us, 2)}", flush=True)


def _steps() -> list[tuple[str, Callable[[], None], int]]:
    """Name, what is done, and how many lines that makes."""
    deliveries = [_delivery(number) for number in range(_BATCH)]
    batch = [(each, build_settlement("succeeded", each.job)) for each in deliveries]
    log, library = OutcomeLog(), logging.getLogger("some.library")

    def end(number: int) -> Callable[[], None]:
        def step() -> None:
            with lines_together():
                log.note(batch[:number], [Settled.DONE] * number)

        return step

    def in_context() -> None:
        with LogFields(**fields_of(deliveries[0])):
            pass

    def of_context() -> None:
        with LogFields(**fields_of(deliveries[0])):
            context = Context(job_id="id", task="noop", queue="default")
            context.log.info("half.done", number=7)

    def of_library() -> None:
        with LogFields(**fields_of(deliveries[0])):
            library.info("half done")

    return [
        (f"an attempt's end, {_BATCH} in one write", end(_BATCH), _BATCH),
        ("an attempt's end, alone", end(1), 1),
        ("a job's fields, and no line", in_context, 1),
        ("the same with context.log.info", of_context, 1),
        ("the same with logging.info", of_library, 1),
    ]


def _delivery(number: int) -> Delivery:
    moment = b"2026-11-24T22:31:07.480213Z"
    job = build_claimed(f"token-{number}", enqueued_at=moment, claimed_ms=1_795_559_467_490)
    delivery = Delivery(job)
    delivery.task = "noop"
    return delivery


def _thread_us(step: Callable[[], None], lines: int) -> float:
    before = time.thread_time()
    for _ in range(_STEPS):
        step()
    return (time.thread_time() - before) / (_STEPS * lines) * 1e6


# ---------------------------------------------------------------- in workers


def _in_workers(lab: Lab, repetitions: int, jobs: int) -> None:
    quiet, talking = Side("bench_noop", "error"), Side("bench_noop", "info")
    silent, saying = Side("bench_context", "info"), Side("bench_log", "info")
    pairs = [
        Pair("an attempt's end", quiet, talking),
        Pair("context.log.info", silent, saying),
        Pair("logging.info", talking, Side("bench_library", "info")),
        Pair("nothing: two equal runs", quiet, quiet),
    ]
    for repetition in range(max(2, repetitions)):
        for pair in pairs:
            _measure(lab, pair, jobs, turned=repetition % 2 == 1)
    print("\na worker process, µs that a line adds to a job: median (quartiles), the job without")
    _print(pairs)


def _measure(lab: Lab, pair: Pair, jobs: int, *, turned: bool) -> None:
    order = (pair.with_line, pair.without) if turned else (pair.without, pair.with_line)
    first, second = (_worker_us(lab, side, jobs) for side in order)
    without, with_line = (second, first) if turned else (first, second)
    pair.base_us.append(without)
    pair.added_us.append(with_line - without)


def _worker_us(lab: Lab, side: Side, jobs: int) -> float:
    lab.clear()
    lab.submit(side.task, jobs)
    start = lambda: lab.worker(JOBYARD_LOG_LEVEL=side.level)  # noqa: E731 - as `rate` takes it
    return rate(lab, start, lab.finished, jobs).worker_us


def _print(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        base = statistics.median(pair.base_us)
        print(f"  {pair.name:44}{spread(pair.added_us, 1):28}{base:6.0f}", flush=True)


if __name__ == "__main__":
    main()
