"""A network that loses replies, brings requests twice, or swallows all there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chaos.arena import LEASE_SECONDS, SLOTS, Arena
from chaos.faults.load import Load, Stage
from support.proxy import Proxy
from support.servers import free_port

if TYPE_CHECKING:
    from chaos.table import Row

_SHARE = 1 / 20
_JOBS = 200
_JOB_SECONDS = 0.03  # too slow to be claimed ahead, so that each job has requests of its own
_AWAY_SECONDS = 3 * LEASE_SECONDS


def lost_and_doubled(stage: Stage) -> Row:
    """One reply in twenty is lost with its connection, one request in twenty comes twice."""
    arena, proxy = _behind_a_proxy(stage)
    with proxy, arena:
        arena.start_scheduler()
        load = Load(arena, "chaos_flaky", _JOB_SECONDS)
        worker = load.start_worker()
        proxy.plague(drops=_SHARE, repeats=_SHARE, seed=stage.seed)
        load.submit(_JOBS, retry=b'{"max_retries":3,"delays_seconds":[0.05,0.05,0.05]}')
        load.await_end()
        load.check("the worker lives", lambda: worker.is_running)
        proxy.heal()
        load.faults = proxy.dropped + proxy.repeated
        load.check("the plague is felt", lambda: proxy.dropped and proxy.repeated)
        return load.row(
            "replies lost and requests doubled", f"{proxy.dropped} lost, {proxy.repeated} doubled"
        )


def swallowed(stage: Stage) -> Row:
    """Connections stay, and nothing passes for longer than the lease."""
    arena, proxy = _behind_a_proxy(stage)
    with proxy, arena:
        arena.start_scheduler()
        load = Load(arena, seconds=0.5)
        load.submit(12 * SLOTS)
        workers = [load.start_worker() for _ in "ab"]
        load.await_running(2 * SLOTS)
        proxy.blackhole()
        load.faults = 1
        time.sleep(_AWAY_SECONDS)
        load.check("the fault is felt", lambda: all("store.away" in it.log() for it in workers), 10)
        proxy.heal()
        load.await_end()
        load.check("every worker lives", lambda: all(it.is_running for it in workers))
        load.check("nobody was reaped", lambda: not load.counters().get("rescued"))
        return load.row(f"the network swallows all for {_AWAY_SECONDS} s, lease {LEASE_SECONDS} s")


def _behind_a_proxy(stage: Stage) -> tuple[Arena, Proxy]:
    """All services go through the proxy; the harness itself does not."""
    port = free_port()
    proxy = Proxy(port)
    arena = stage.arena(url=proxy.url)
    arena.server.port = port
    return arena, proxy


FAULTS = {"lost and doubled": lost_and_doubled, "swallowed": swallowed}
