"""The keeper: it holds the lease, sees its worker die, and is replaced when it dies itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobyard.states import State
from jobyard.store import calls
from support.jobs import MODULES, ended, submit
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services


def start(services: Services, **env: object) -> Service:
    worker = services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES, **env)
    worker.wait_for_log("worker.started")
    return worker


def keepers(worker: Service) -> list[int]:
    return [pid for pid in worker.children() if b"jobyard_worker.keeper" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_queued(store: Store, job_id: str) -> bool:
    job = store.run(calls.read(job_id))
    return job is not None and job.state is State.QUEUED


def renewals(client: redis.Redis, store: Store) -> list[Any]:
    return [worker[1] for worker in client.zrange(store.keys.lease(), 0, -1, withscores=True)]


def wait_until_kept(client: redis.Redis, store: Store) -> None:
    """Until the keeper has renewed once."""
    before = wait_for(lambda: renewals(client, store))
    wait_for(lambda: renewals(client, store) > before)


def test_a_killed_worker_gives_back_at_once_and_nothing_stays_behind(
    services: Services,
    store: Store,
    ledger: Ledger,
    client: redis.Redis,
    figure: Callable[[str, object], None],
) -> None:
    worker = start(services)
    jobs = [submit(store, "sleeper", {"seconds": 60}) for _ in range(3)]
    wait_for(lambda: set(jobs) <= ledger.started())
    wait_until_kept(client, store)

    killed_at = time.monotonic()
    worker.kill()

    wait_for(lambda: all(is_queued(store, job_id) for job_id in jobs), interval_seconds=0.002)
    figure("seconds until given back", time.monotonic() - killed_at)
    wait_for(lambda: not worker.children())
    assert renewals(client, store) == []


def test_a_pipe_kept_open_by_a_grandchild_does_not_hide_the_death(
    services: Services, store: Store, ledger: Ledger, client: redis.Redis
) -> None:
    worker = start(services)
    job_id = submit(store, "fork_holder", {"seconds": 30})
    wait_for(lambda: len(worker.children()) == 2)
    wait_until_kept(client, store)

    worker.kill()

    wait_for(lambda: is_queued(store, job_id))


def test_a_dead_keeper_is_replaced_within_a_second(
    services: Services, store: Store, client: redis.Redis, figure: Callable[[str, object], None]
) -> None:
    worker = start(services)
    wait_until_kept(client, store)
    (first,) = keepers(worker)

    os.kill(first, signal.SIGKILL)

    killed_at = time.monotonic()
    wait_for(lambda: keepers(worker) not in ([], [first]))
    figure("seconds until replaced", time.monotonic() - killed_at)
    wait_until_kept(client, store)
    assert "lease.lost" not in worker.log()
    assert ended(store, submit(store, "add", {"a": 1, "b": 1})).result == 2


def test_a_task_that_holds_the_interpreter_costs_no_lease(
    services: Services, store: Store, ledger: Ledger
) -> None:
    worker = start(services, JOBYARD_LEASE_SECONDS=3)
    services.start("jobyard-scheduler", JOBYARD_LEASE_SECONDS=3)
    neighbour = submit(store, "sleeper", {"seconds": 0.5})
    holder = submit(store, "gil_holder", {"seconds": 7})

    assert ended(store, holder).state is State.SUCCEEDED
    assert ended(store, neighbour).state is State.SUCCEEDED
    assert "lease.lost" not in worker.log()
    assert [len(runs) for runs in ledger.runs().values()] == [1, 1]


def test_a_main_loop_that_stands_still_is_killed(
    services: Services, store: Store, ledger: Ledger
) -> None:
    worker = start(services, JOBYARD_STALL_SECONDS=1)
    job_id = submit(store, "gil_holder", {"seconds": 60})
    wait_for(lambda: job_id in ledger.started())

    assert worker.wait() == -signal.SIGKILL
    wait_for(lambda: is_queued(store, job_id))


def test_a_reaped_worker_begins_anew_and_drops_what_it_held(
    services: Services, store: Store, ledger: Ledger, client: redis.Redis
) -> None:
    worker = start(services, JOBYARD_CONCURRENCY=2)
    job_id = submit(store, "sleeper", {"seconds": 2})
    wait_for(lambda: job_id in ledger.started())
    (info,) = store.run(calls.workers())

    store.run(calls.leave(info.name))

    worker.wait_for_log("lease.lost")
    assert ended(store, job_id).state is State.SUCCEEDED
    wait_for(lambda: [w.name for w in store.run(calls.workers())] not in ([], [info.name]))
    assert len(ledger.runs()[job_id]) == 2


def test_a_lease_is_renewed_also_before_the_keeper_is_ready(
    services: Services, store: Store, client: redis.Redis
) -> None:
    worker = services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES, JOBYARD_LEASE_SECONDS=2)
    (keeper,) = wait_for(lambda: keepers(worker))
    os.kill(keeper, signal.SIGSTOP)

    worker.wait_for_log("worker.started")
    before = wait_for(lambda: renewals(client, store))

    wait_for(lambda: renewals(client, store) > before)
    os.kill(keeper, signal.SIGCONT)


def test_the_busy_slots_of_a_pool_are_counted(
    services: Services, store: Store, ledger: Ledger, client: redis.Redis
) -> None:
    start(services, JOBYARD_POOL="blue", JOBYARD_CONCURRENCY=4, JOBYARD_LEASE_SECONDS=5)
    jobs = [submit(store, "sleeper", {"seconds": 5}) for _ in range(3)]
    wait_for(lambda: set(jobs) <= ledger.started())

    wait_for(lambda: client.zcard(store.keys.busy("blue")) == 3)
    wait_for(lambda: client.zcard(store.keys.busy("blue")) == 0)


def test_the_keeper_leaves_with_a_worker_that_stops(services: Services, store: Store) -> None:
    worker = start(services)
    wait_for(lambda: keepers(worker))

    worker.term()

    assert worker.wait(15) == 0
    wait_for(lambda: not worker.children())
