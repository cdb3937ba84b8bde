"""Clocks that jump: a worker's host, all hosts but the server's, and the server's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.arena import LEASE_SECONDS, RESCUE_SECONDS, SLOTS, Arena
from chaos.faults.load import Load, Stage
from chaos.table import Row
from chaos.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.processes import Service

_SOURCE = Path(__file__).with_name("clock_shim.c")
_JUMPS_SECONDS = (-600, 600, 0)  # the last one goes back: what was written as due is far ahead
_BETWEEN_SECONDS = 1.5 * LEASE_SECONDS
_NEAR_SECONDS = 60


class Clock:
    """A shift of the real-time clock of processes that are started with ``environment``."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock-shift"
        self._shim = directory / "clock_shim.so"
        self.set(0)

    @staticmethod
    def compiler() -> str | None:
        """What builds the shim; without one no clock can be made to jump here."""
        return shutil.which("cc") or shutil.which("gcc")

    def build(self) -> dict[str, str]:
        """Builds the shim; returns the environment of processes with this clock."""
        compiler, shim = self.compiler() or "cc", str(self._shim)
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", shim, str(_SOURCE)]
        subprocess.run(command, check=True)
        return {"LD_PRELOAD": shim, "JOBYARD_CHAOS_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Written in place, as the processes have the file mapped."""
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as file:
            file.write(struct.pack("l", seconds))


def jumps(whose: str, stage: Stage) -> Row:
    """Ten minutes back, forth past the truth, and home, while jobs run: nobody cares."""
    name = f"the clock of {whose} jumps by ±10 min"
    if Clock.compiler() is None:
        return Row(f"{name}: NOT RUN, there is no C compiler", stage.executor, Verdict())
    clock = Clock(stage.directory)
    shifted = clock.build()
    arena = stage.arena()
    if whose == "the server":
        os.environ.update(shifted)
    with arena:
        for variable in shifted:
            os.environ.pop(variable, None)
        return _row(name, arena, clock, {} if whose == "the server" else shifted)


def _row(name: str, arena: Arena, clock: Clock, env: dict[str, str]) -> Row:
    arena.start_scheduler(**env)
    load = Load(arena, seconds=0.5)
    load.submit(SLOTS * 60)
    workers = [load.start_worker(**env) for _ in "ab"]
    load.await_running(SLOTS)
    for seconds in _JUMPS_SECONDS:
        clock.set(seconds)
        load.faults += 1
        time.sleep(_BETWEEN_SECONDS)
        load.check(
            f"the jump to {seconds} s is felt", partial(_is_felt, load, workers, env, seconds), 10
        )
    load.check("every worker lives", lambda: all(it.is_running for it in workers))
    load.check("nobody was reaped", lambda: not load.counters().get("rescued"))
    _kill_all(load, workers)
    load.start_worker(**env, JOBYARD_CONCURRENCY=4 * SLOTS)
    load.await_end()
    return load.row(name)


def _is_felt(load: Load, workers: Sequence[Service], env: dict[str, str], seconds: int) -> bool:
    """Whether the server's answer, or the newest line of a worker's log, is of the shifted time."""
    shift: float = _shift_of_log(workers[0]) if env else load.arena.client.time()[0] - time.time()
    return abs(shift - seconds) < _NEAR_SECONDS


def _shift_of_log(worker: Service) -> float:
    written = json.loads(worker.log().splitlines()[-1])["timestamp"]
    return datetime.fromisoformat(written).timestamp() - time.time()


def _kill_all(load: Load, workers: Sequence[Service]) -> None:
    """Whatever the clocks did, the dead are noticed in time."""
    for worker in workers:
        for pid in [*worker.children(), worker.pid]:
            os.kill(pid, signal.SIGKILL)
        load.note_death()
    load.await_rescue(RESCUE_SECONDS)


FAULTS: dict[str, Callable[[Stage], Row]] = {
    "clock of the hosts": partial(jumps, "workers and schedulers"),
    "clock of the server": partial(jumps, "the server"),
}
