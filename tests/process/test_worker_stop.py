"""How a worker starts and stops: settings, signals, grace, goodbye; and what RQ sees of it."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from rq import Worker as RQWorker

from jobyard.states import State
from jobyard.store import calls
from support.jobs import ended, submit
from support.processes import SCRIPTS, clean_environment
from support.waiting import wait_for
from support.workers import EXECUTORS, WITHOUT_FORK, start_worker

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services
    from support.servers import StoreServer


def start(services: Services, kind: str = "thread", **env: object) -> Service:
    worker = start_worker(services, kind, **env)
    worker.wait_for_log("worker.started")
    return worker


def state_of(store: Store, job_id: str) -> State:
    job = store.run(calls.read(job_id))
    assert job is not None
    return job.state


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_idle_worker_leaves_at_once_and_is_forgotten(
    services: Services, store: Store, number: signal.Signals
) -> None:
    worker = start(services)

    worker.send(number)

    assert worker.wait(15) == 0
    assert store.run(calls.workers()) == []
    wait_for(lambda: not worker.children())


@pytest.mark.parametrize("kind", [*EXECUTORS, WITHOUT_FORK])
def test_what_runs_may_finish_and_what_waits_is_given_back(
    services: Services, store: Store, ledger: Ledger, client: redis.Redis, kind: str
) -> None:
    worker = start(services, kind, JOBYARD_CONCURRENCY=1)
    running, waiting = submit(store, "sleeper", {"seconds": 1.5}), submit(store, "noop")
    wait_for(lambda: running in ledger.started())

    worker.term()

    assert worker.wait(20) == 0
    assert state_of(store, running) is State.SUCCEEDED
    assert state_of(store, waiting) is State.QUEUED
    assert client.lrange(store.keys.queue("default"), 0, -1) == [waiting.encode()]
    wait_for(lambda: not worker.children())


def test_more_signals_change_nothing(services: Services, store: Store, ledger: Ledger) -> None:
    worker = start(services)
    job_id = submit(store, "sleeper", {"seconds": 1.5})
    wait_for(lambda: job_id in ledger.started())

    for _ in range(10):
        worker.term()
        worker.send(signal.SIGINT)

    assert worker.wait(20) == 0
    assert state_of(store, job_id) is State.SUCCEEDED


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_what_outlives_the_grace_is_given_back_without_blame(
    services: Services, store: Store, ledger: Ledger, kind: str
) -> None:
    worker = start(services, kind, JOBYARD_GRACE_SECONDS=2)
    jobs = [submit(store, "sleeper", {"seconds": 60}) for _ in range(2)]
    wait_for(lambda: set(jobs) <= ledger.started())

    worker.term()

    assert worker.wait(15) == 0
    records = [store.run(calls.read(job_id)) for job_id in jobs]
    assert [(r.state, r.attempts, r.crashes) for r in records if r] == [(State.QUEUED, 0, 0)] * 2
    assert ledger.ended() == set()


def test_an_isolated_child_that_outlives_the_grace_is_killed(
    services: Services, store: Store, ledger: Ledger
) -> None:
    worker = start(services, JOBYARD_GRACE_SECONDS=2)
    job_id = submit(store, "isolated_sleeper", {"seconds": 60})
    wait_for(lambda: job_id in ledger.started())

    worker.term()

    assert worker.wait(15) == 0
    assert state_of(store, job_id) is State.QUEUED
    wait_for(lambda: not worker.children())


def test_results_are_settled_before_the_worker_leaves(services: Services, store: Store) -> None:
    worker = start(services)
    jobs = [submit(store, "add", {"a": 1, "b": n}) for n in range(200)]

    worker.term()

    assert worker.wait(20) == 0
    assert {state_of(store, job_id) for job_id in jobs} <= {State.SUCCEEDED, State.QUEUED}


def test_rq_sees_the_worker_idle_and_busy(
    services: Services, store: Store, ledger: Ledger, rq_connection: redis.Redis
) -> None:
    worker = start(services, JOBYARD_QUEUES="high,default", JOBYARD_LEASE_SECONDS=5)

    (seen,) = RQWorker.all(connection=rq_connection)
    assert (seen.pid, seen.queue_names()) == (worker.pid, ["high", "default"])
    assert seen.get_state() == "idle"
    job_id = submit(store, "sleeper", {"seconds": 4})
    wait_for(lambda: job_id in ledger.started())

    wait_for(lambda: RQWorker.all(connection=rq_connection)[0].get_state() == "busy")
    wait_for(lambda: RQWorker.all(connection=rq_connection)[0].get_state() == "idle")


def test_rqs_command_line_starts_it(
    services: Services, store: Store, server: StoreServer, tmp_path: Path
) -> None:
    job_id = submit(store, "add", {"a": 1, "b": 2})

    worker = services.start(
        "rq", "worker", "-u", server.url, "-w", "jobyard_worker.Worker",
        "-S", "rq.serializers.JSONSerializer", "--burst", "default",
    )  # fmt: skip

    assert worker.wait(20) == 0
    assert ended(store, job_id).result == 3


def test_a_stock_rq_worker_runs_our_tasks(
    services: Services, store: Store, server: StoreServer
) -> None:
    job_id = submit(store, "add", {"a": 1, "b": 2})

    worker = services.start(
        "rq", "worker", "-u", server.url, "-w", "rq.worker.SimpleWorker",
        "-S", "rq.serializers.JSONSerializer", "--burst", "default",
    )  # fmt: skip

    assert worker.wait(20) == 0
    job = store.run(calls.read(job_id))
    assert job is not None
    assert (job.state, job.result) == (State.SUCCEEDED, 3)


def test_the_tasks_of_a_worker_are_in_the_catalogue(services: Services, store: Store) -> None:
    start(services)

    names = {record.name for record in store.run(calls.published_tasks())}

    assert {"add", "echo", "noop", "isolated_sleeper"} <= names


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JOBYARD_CONCURRENCY", "none", "JOBYARD_CONCURRENCY"),
        ("JOBYARD_EXECUTOR", "fibre", "JOBYARD_EXECUTOR"),
        ("JOBYARD_QUEUES", "a b", "JOBYARD_QUEUES"),
        ("JOBYARD_POOL", "", "JOBYARD_POOL"),
        ("JOBYARD_TASK_MODULES", "no.such.module", "no.such.module"),
        ("JOBYARD_REDIS_URL", "gopher://x", "JOBYARD_REDIS_URL"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    done = run(tmp_path, env={name: value})

    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("argument", "words"), [("--help", "JOBYARD_QUEUES"), ("--version", "jobyard-worker 0")]
)
def test_it_says_what_it_is(tmp_path: Path, argument: str, words: str) -> None:
    done = run(tmp_path, argument)

    assert done.returncode == 0
    assert words in done.stdout


def run(
    directory: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "jobyard-worker", *arguments],
        env={**clean_environment(), **(env or {})},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
