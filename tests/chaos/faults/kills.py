"""Workers that are killed at random moments, and workers that freeze past their lease."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.arena import LEASE_SECONDS, PATIENCE_SECONDS, RESCUE_SECONDS, SLOTS
from chaos.faults.load import QUEUE, Load, Stage
from jobyard.states import State
from jobyard.store import calls
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.arena import Arena
    from chaos.table import Row
    from support.processes import Service

KILLS = 10
_JOBS_A_KILL = 30
_JOB_SECONDS = 0.03
_MOST_SECONDS = 0.5
_PILLS = "pills"
_MOST_DEATHS = 4


def undisturbed(stage: Stage) -> Row:
    """No fault at all: jobs longer than the lease run once, as their lease is renewed."""
    with stage.arena() as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=2.0 * LEASE_SECONDS)
        load.submit(2 * SLOTS)
        workers = [load.start_worker() for _ in "ab"]
        load.await_end()
        load.check("no lease was lost", lambda: all("lease.lost" not in w.log() for w in workers))
        return load.row("no fault, jobs longer than the lease")


def random_kills(stage: Stage) -> Row:
    """One worker after the other is killed, alone or with its keeper; no other one is alive."""
    draw = random.Random(stage.seed)
    with stage.arena() as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=_JOB_SECONDS)
        for _ in range(KILLS):
            load.submit(_JOBS_A_KILL)
            before = len(arena.ledger.started())
            worker = load.start_worker()
            wait_for(partial(_has_begun, arena, before), 30, interval_seconds=0.002)
            time.sleep(draw.random() * _MOST_SECONDS)
            _kill(worker, with_keeper=draw.random() < 0.5, load=load)
            load.await_rescue(RESCUE_SECONDS)
        load.start_worker(JOBYARD_CONCURRENCY=4)
        load.await_end()
        return load.row("random kills")


def frozen(stage: Stage) -> Row:
    """A worker and its keeper stand still past the lease, and thaw while others run its jobs."""
    with stage.arena() as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=1.0)
        load.submit(2 * SLOTS)
        worker = load.start_worker()
        load.await_running(SLOTS)
        processes = [worker.pid, *worker.children()]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        load.note_death()
        load.await_rescue(RESCUE_SECONDS)
        load.start_worker()
        wait_for(lambda: arena.held(QUEUE), 20)
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
        load.await_end()
        load.check("a thawed worker works on", lambda: worker.is_running)
        load.check("it began a new lease", lambda: "lease.lost" in worker.log(), 10)
        return load.row(f"SIGSTOP past the lease of {LEASE_SECONDS} s, SIGCONT")


def _has_begun(arena: Arena, before: int) -> bool:
    return len(arena.ledger.started()) > before


def without_scheduler(stage: Stage) -> Row:
    """No scheduler and no other worker: the keeper alone gives back what its dead worker held."""
    with stage.arena() as arena:
        load = Load(arena, seconds=0.5)
        load.submit(2 * SLOTS)
        worker = load.start_worker()
        load.await_running(SLOTS)
        _await_keeper(arena)
        _kill(worker, load, with_keeper=False)
        load.await_rescue(RESCUE_SECONDS)
        load.start_worker(JOBYARD_CONCURRENCY=2 * SLOTS)
        load.await_end()
        return load.row("killed, no scheduler alive")


def poison(stage: Stage) -> Row:
    """A job that kills its process: it may take one worker with it, and no neighbour is blamed."""
    with stage.arena() as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=0.5)
        load.submit(4 * SLOTS)
        [pill] = arena.submit("chaos_pill", _PILLS)
        while len(load.deaths_ns) < _MOST_DEATHS:
            worker = arena.start_worker(_PILLS, QUEUE)
            wait_for(partial(_is_at_rest, load, worker), PATIENCE_SECONDS)
            if worker.is_running:
                break
            load.note_death()
        record = arena.store.run(calls.read(pill))
        load.check("the pill is a dead letter", lambda: record and record.state is State.FAILED)
        load.check("it took one worker with it at most", lambda: len(load.deaths_ns) <= 1)
        return load.row("poison pill")


def _is_at_rest(load: Load, worker: Service) -> bool:
    ended = load.arena.ended(_PILLS, QUEUE)
    return not worker.is_running or ended > len(load.ids)


def _await_keeper(arena: Arena) -> None:
    """Until the keeper has renewed once: before that it does not know its worker."""
    lease = arena.store.keys.lease()
    first = arena.client.zrange(lease, 0, -1, withscores=True)
    wait_for(lambda: arena.client.zrange(lease, 0, -1, withscores=True) != first, 20)


def _kill(worker: Service, load: Load, *, with_keeper: bool) -> None:
    children = worker.children() if with_keeper else []
    for pid in [*children, worker.pid]:
        os.kill(pid, signal.SIGKILL)
    load.note_death()
    worker.wait()


FAULTS: dict[str, Callable[[Stage], Row]] = {
    "no fault": undisturbed,
    "random kills": random_kills,
    "killed, no scheduler": without_scheduler,
    "poison pill": poison,
    "frozen": frozen,
}
