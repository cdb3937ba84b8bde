"""Workers that are told to stop: once, often, by any signal, too early, without a store."""

from __future__ import annotations

import random
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.arena import RESCUE_SECONDS, SLOTS
from chaos.faults.load import QUEUE, Load, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaos.table import Row
    from support.processes import Service

_LONG_SECONDS = 1.5
_EARLY = 6
_SOON_SECONDS = 1.2
_SHORT_GRACE_SECONDS = 2
_GRACE_SECONDS = 4
_BEFORE_PYTHON = -signal.SIGTERM
"""How a process ends that is told to before its interpreter can listen; it holds nothing yet."""

_SIGNALS: dict[str, Sequence[signal.Signals]] = {
    "SIGTERM": [signal.SIGTERM],
    "SIGTERM twice": [signal.SIGTERM] * 2,
    "SIGTERM ten times": [signal.SIGTERM] * 10,
    "SIGINT": [signal.SIGINT],
    "SIGQUIT": [signal.SIGQUIT],
    "SIGTERM, SIGINT, SIGQUIT": [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT],
}


def stopped(signals: Sequence[signal.Signals], stage: Stage) -> Row:
    """What runs may finish, what waits is given back, nothing runs twice."""
    with stage.arena() as arena:
        load = Load(arena, seconds=_LONG_SECONDS)
        load.submit(3 * SLOTS)
        worker = load.start_worker()
        load.await_running(SLOTS)
        for number in signals:
            worker.send(number)
        load.faults = len(signals)
        _expect_clean_end(load, worker, 15)
        load.start_worker(JOBYARD_CONCURRENCY=4)
        load.await_end()
        return load.row(_name_of(signals))


def short_grace(stage: Stage) -> Row:
    """The grace is shorter than the jobs: they are given back and counted as released."""
    with stage.arena() as arena:
        load = Load(arena, seconds=2 * _SHORT_GRACE_SECONDS)
        load.submit(2 * SLOTS)
        worker = load.start_worker(JOBYARD_GRACE_SECONDS=_SHORT_GRACE_SECONDS)
        load.await_running(SLOTS)
        worker.term()
        load.faults = 1
        _expect_clean_end(load, worker, _SHORT_GRACE_SECONDS)
        load.check("it was released, not rescued", lambda: load.counters()["released"] >= SLOTS)
        load.start_worker(JOBYARD_CONCURRENCY=4)
        load.await_end()
        return load.row("SIGTERM, grace shorter than the job")


def early(stage: Stage) -> Row:
    """SIGTERM at random moments of a worker's start."""
    draw = random.Random(stage.seed)
    with stage.arena() as arena:
        load = Load(arena, seconds=0.05)
        load.submit(20)
        for _ in range(_EARLY):
            worker = arena.start_worker(QUEUE)
            time.sleep(draw.random() * _SOON_SECONDS)
            worker.term()
            load.faults += 1
            _expect_clean_end(load, worker, 15, (0, _BEFORE_PYTHON))
        load.start_worker(JOBYARD_CONCURRENCY=4)
        load.await_end()
        return load.row("SIGTERM while it starts")


def without_store(stage: Stage) -> Row:
    """SIGTERM while the store does not answer: it leaves in its grace, others do the rest."""
    with stage.arena() as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=0.3)
        load.submit(4 * SLOTS)
        worker = load.start_worker(JOBYARD_GRACE_SECONDS=_GRACE_SECONDS)
        load.await_running(SLOTS)
        arena.server.pause()
        worker.term()
        asked = time.monotonic()
        _expect_end(load, worker, _GRACE_SECONDS + 1, (0,))
        gone = time.monotonic() - asked
        load.note_death()
        arena.server.resume()
        load.await_rescue(RESCUE_SECONDS)
        load.start_worker(JOBYARD_CONCURRENCY=4)
        load.await_end()
        figure = f"gone after {gone:.1f} s, grace {_GRACE_SECONDS} s"
        return load.row("SIGTERM while the store is away", figure)


def _expect_clean_end(
    load: Load, worker: Service, seconds: float, codes: Sequence[int] = (0,)
) -> None:
    _expect_end(load, worker, seconds, codes)
    load.check("nothing stays held", lambda: not load.arena.held(QUEUE), 2)


def _expect_end(load: Load, worker: Service, seconds: float, codes: Sequence[int]) -> None:
    try:
        ended = worker.wait(seconds)
    except AssertionError as error:
        load.complaints.append(str(error))
        worker.end()
        return
    load.check(f"it ended with {ended}", lambda: ended in codes)


def _name_of(signals: Sequence[signal.Signals]) -> str:
    return next(name for name, numbers in _SIGNALS.items() if numbers is signals)


FAULTS: dict[str, Callable[[Stage], Row]] = {
    **{name: partial(stopped, signals) for name, signals in _SIGNALS.items()},
    "SIGTERM, short grace": short_grace,
    "SIGTERM while it starts": early,
    "SIGTERM without store": without_store,
}
