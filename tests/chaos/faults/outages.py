"""A store that is away, or there and no use, while every slot is busy and every worker lives."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis

from chaos.arena import LEASE_SECONDS, SLOTS, Arena
from chaos.faults.load import QUEUE, Load, Stage
from jobyard.errors import StoreUnavailableError
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaos.table import Row
    from support.processes import Service
    from support.servers import RawClient

_AWAY_SECONDS = 3 * LEASE_SECONDS
_STILL_SECONDS = 30
_WORKERS = 2
_KILLS = 4
_DURABLE = {"appendfsync": "always"}


def _is_noticed(_: Load, workers: Sequence[Service]) -> bool:
    return all("store.away" in worker.log() for worker in workers)


def _is_full(load: Load, _: Sequence[Service]) -> bool:
    """What takes work in is refused; what works it off is not, and so the workers feel nothing."""
    try:
        load.arena.submit("chaos_noop", "elsewhere")
    except StoreUnavailableError:
        return load.arena.ended(QUEUE) > len(load.ids) // 2
    return False


@dataclass(frozen=True)
class Outage:
    """One way to be away: how it begins and how it ends."""

    name: str
    begin: Callable[[Arena], object]
    end: Callable[[Arena], object]
    seconds: float = _AWAY_SECONDS
    is_felt: Callable[[Load, Sequence[Service]], bool] = _is_noticed

    def __call__(self, stage: Stage) -> Row:
        """Longer than the lease: nobody is reaped, nothing runs twice, all results are stored."""
        with stage.arena(aof=True, options=_DURABLE) as arena:
            arena.start_scheduler()
            load = Load(arena, seconds=0.5)
            load.submit(24 * SLOTS)
            workers = [load.start_worker() for _ in range(_WORKERS)]
            load.await_running(SLOTS * _WORKERS)
            self.begin(arena)
            load.faults = 1
            time.sleep(self.seconds)
            load.check("the fault is felt", lambda: self.is_felt(load, workers))
            self.end(arena)
            load.await_end()
            load.check("every worker lives", lambda: all(it.is_running for it in workers))
            load.check("nobody was reaped", lambda: not load.counters().get("rescued"))
            return load.row(f"{self.name} for {self.seconds:g} s, lease {LEASE_SECONDS} s")


def back_late(stage: Stage) -> Row:
    """The server comes back, and schedulers see it before the workers do: they wait for them."""
    with stage.arena(aof=True, options=_DURABLE) as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=2.0)
        load.submit(2 * SLOTS)
        worker = load.start_worker()
        load.await_running(SLOTS)
        processes = [worker.pid, *worker.children()]
        last = _reaped_at(arena)
        arena.server.kill()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        load.faults = 1
        time.sleep(2 * LEASE_SECONDS)
        arena.server.start()
        wait_for(lambda: _reaped_at(arena) != last, 20)
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
        load.await_end()
        load.check("nobody was reaped", lambda: not load.counters().get("rescued"))
        return load.row("the server is back, the scheduler sees it first")


def _reaped_at(arena: Arena) -> object:
    """When a scheduler last asked for expired leases."""
    return arena.client.hget(arena.store.keys.reaper(), "tick")


def killed_often(stage: Stage) -> Row:
    """The server is killed again and again under load and started anew at once."""
    with stage.arena(aof=True, options=_DURABLE) as arena:
        arena.start_scheduler()
        load = Load(arena, seconds=0.05)
        load.submit(100)
        workers = [load.start_worker() for _ in range(_WORKERS)]
        for _ in range(_KILLS):
            load.submit(60)
            load.await_running(1)
            arena.server.restart()
            load.faults += 1
        load.await_end()
        load.check("every worker lives", lambda: all(it.is_running for it in workers))
        return load.row("kill -9 of the server, appendfsync always")


def _demote(arena: Arena) -> None:
    arena.client.execute_command("REPLICAOF", "127.0.0.1", "1")


def _promote(arena: Arena) -> None:
    arena.client.execute_command("REPLICAOF", "NO", "ONE")


def _fill(arena: Arena) -> None:
    arena.client.config_set("maxmemory", "1mb")


def _empty(arena: Arena) -> None:
    arena.client.config_set("maxmemory", "0")


def _lock(arena: Arena) -> None:
    """Refuses whoever comes without a password, also those that are there already."""
    arena.client.execute_command("ACL", "SETUSER", "default", "resetpass", ">secret")
    _cut_all(arena.client)


def _unlock(arena: Arena) -> None:
    with redis.Redis(port=arena.server.port, password="secret") as client:
        client.execute_command("ACL", "SETUSER", "default", "nopass")


def _forbid(arena: Arena) -> None:
    """Takes the right to run scripts away."""
    arena.client.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")


def _permit(arena: Arena) -> None:
    arena.client.execute_command("ACL", "SETUSER", "default", "+@all")


def _cut_all(client: RawClient) -> None:
    with contextlib.suppress(redis.RedisError):
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")


def _load_slowly(arena: Arena) -> None:
    """A restart with so many records that the server answers LOADING for a while."""
    arena.client.execute_command("DEBUG", "POPULATE", "40000", "filler")
    arena.client.bgrewriteaof()
    wait_for(lambda: _is_rewritten(arena.client), 60)
    arena.server.options["key-load-delay"] = str(int(_AWAY_SECONDS * 1e6 / 40000))
    arena.server.options["loading-process-events-interval-bytes"] = "1024"
    arena.server.restart(wait=False)


def _is_rewritten(client: RawClient) -> bool:
    """The records are in the file: DEBUG POPULATE itself is not written to it."""
    state = client.info("persistence")
    return not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


def _await_loaded(arena: Arena) -> None:
    del arena.server.options["key-load-delay"]
    wait_for(lambda: _answers(arena.client), 120)


def _answers(client: RawClient) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


_OUTAGES = (
    Outage("the server is away", lambda it: it.server.kill(), lambda it: it.server.start()),
    Outage(
        "the server stands still",
        lambda it: it.server.pause(),
        lambda it: it.server.resume(),
        _STILL_SECONDS,
    ),
    Outage("READONLY", _demote, _promote),
    Outage("LOADING", _load_slowly, _await_loaded),
    Outage("OOM", _fill, _empty, is_felt=_is_full),
    Outage("NOAUTH", _lock, _unlock),
    Outage("NOPERM", _forbid, _permit),
)

FAULTS: dict[str, Callable[[Stage], Row]] = {
    **{outage.name: outage for outage in _OUTAGES},
    "back late": back_late,
    "the server is killed often": killed_often,
}
