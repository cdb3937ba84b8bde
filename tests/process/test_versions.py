"""Two versions share one store; and records that a newer version wrote."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pytest

from jobyard.ids import new_id
from jobyard.states import TERMINAL, State
from jobyard.store import calls
from support.builders import build_submission
from support.jobs import ended, submit
from support.rest import Rest
from support.versions import (
    SOURCES,
    Version,
    newer_version,
    older_version,
    present_version,
    previous_version,
)
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services
    from support.servers import RawClient

LEASE_SECONDS = 3
QUEUES = "first,load"
Delivery: TypeAlias = tuple[str, str]
"""A job's id and the token of one hand-over of it."""
MIX: list[tuple[str, dict[str, Any], State, int]] = [
    *[("sleeper", {"payload": {"seconds": 0.03}}, State.SUCCEEDED, 1)] * 5,
    ("noop", {}, State.SUCCEEDED, 1),
    ("noop", {"delay_seconds": 0.5}, State.SUCCEEDED, 1),
    *[("flaky", {"payload": {"failures": 1}}, State.SUCCEEDED, 2)] * 2,
    ("failer", {}, State.FAILED, 1),
]
"""Task, further fields, and how such a job has to end after how many attempts."""


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """The previous version, whose processes load its own code."""
    version = previous_version(tmp_path_factory.mktemp("old"))
    assert version.loaded() == present_version().loaded() == {*SOURCES}
    return version


class Load:
    """Submits jobs of all kinds as long as the ``with`` lasts, through whichever API is named."""

    def __init__(self, store: Store, rest: Rest) -> None:
        self.rest = rest
        self.expected: dict[str, tuple[State, int]] = {}
        self._store = store
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._submitting = self._pool.submit(self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def finish(self) -> None:
        """Ends it; raises what went wrong on the way."""
        self._stop.set()
        self._submitting.result()

    def grow(self, jobs: int = 100) -> None:
        """Waits until so many more were acknowledged."""
        wanted = len(self.expected) + jobs
        wait_for(
            lambda: self._submitting.done() or len(self.expected) >= wanted,
            60,
            interval_seconds=0.05,
        )

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            if backlog(self._store) < 100:
                self._submit()

    def _submit(self) -> None:
        mix = MIX * 5
        jobs = [{"task": task, "queue": "load", **fields} for task, fields, _, _ in mix]
        reply = self.rest.post("/v1/jobs/batch", {"jobs": jobs})
        ids = [result["job"]["id"] for result in reply.json()["results"]]
        self.expected |= {job_id: kind[2:] for job_id, kind in zip(ids, mix, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["upgrade", "rollback"])
def test_a_version_is_replaced_by_another_under_load(  # noqa: PLR0917 - fixtures and one case
    store: Store,
    client: RawClient,
    services: Services,
    ledger: Ledger,
    old: Version,
    figure: Callable[[str, object], None],
    direction: str,
) -> None:
    new = present_version()
    first, second = (old, new) if direction == "upgrade" else (new, old)
    scheduler = start_scheduler(services, first)
    alpha, beta = (start_worker(services, first) for _ in range(2))

    with (
        Rest(services, PYTHONPATH=first.python_path) as before,
        Rest(services, PYTHONPATH=second.python_path) as after,
        Load(store, wait_for_tasks(before)) as load,
    ):
        load.grow()
        gamma = start_worker(services, second)
        canceled = cancel_some(before, after, ledger)
        load.grow()
        alpha.term()
        assert alpha.wait(40) == 0
        load.rest = wait_for_tasks(after)
        scheduler = replace(scheduler, start_scheduler(services, second))
        frozen = freeze_until_reaped(beta, store, ledger)
        load.grow()
        killed = kill_in_work(beta, store, ledger)
        start_worker(services, second)
        load.grow()
        load.finish()
        expected = load.expected | dict.fromkeys(canceled, (State.CANCELED, 0))
        wait_for(lambda: ends(store) >= len(expected), 90, interval_seconds=0.25)

    runs = ledger.runs()
    found = {job_id: store.run(calls.read(job_id)) for job_id in expected}
    wrong = {
        job_id: record and record.state
        for job_id, record in found.items()
        if record is None or record.state is not expected[job_id][0]
    }
    assert wrong == {}
    assert ends(store) == len(expected), "each ended once"
    settled = {job_id: settled_by(client, store, job_id) for job_id in load.expected}
    lost_tokens = {delivery[1] for delivery in frozen | killed}
    assert not {token for tokens in settled.values() for token in tokens} & lost_tokens
    assert {it: len(tokens) for it, tokens in settled.items()} == {
        it: expected[it][1] for it in settled
    }
    doubled = {it for it in load.expected if len(runs[it]) > expected[it][1]}
    assert doubled <= {delivery[0] for delivery in frozen | killed}
    pids = Counter(entry.pid for entry in ledger.entries())
    assert pids.keys() >= {alpha.pid, beta.pid, gamma.pid}, "workers of both versions ran jobs"
    figure("jobs / lost / stale", f"{len(expected)} / 0 / 0")
    figure(
        "ran again / in hand when frozen / when killed",
        f"{len(doubled)} / {len(frozen)} / {len(killed)}",
    )


def start_scheduler(services: Services, version: Version) -> Service:
    env = {"JOBYARD_NOTIFICATIONS": "false", "JOBYARD_LEASE_SECONDS": LEASE_SECONDS}
    return version.start(services, "jobyard-scheduler", **env)


def start_worker(services: Services, version: Version) -> Service:
    return version.start(
        services,
        "jobyard-worker",
        JOBYARD_QUEUES=QUEUES,
        JOBYARD_LEASE_SECONDS=LEASE_SECONDS,
        JOBYARD_CONCURRENCY=4,
        JOBYARD_LOG_LEVEL="warning",
    )


def replace(running: Service, following: Service) -> Service:
    following.wait_for_log("scheduler.started")
    running.term()
    assert running.wait() == 0
    return following


def wait_for_tasks(rest: Rest) -> Rest:
    for name in ("sleeper", "noop", "flaky", "failer", "polite_sleeper"):
        rest.wait_for_task(name)
    return rest


def cancel_some(before: Rest, after: Rest, ledger: Ledger) -> list[str]:
    """Jobs that wait and jobs that run, submitted by one version and cancelled by the other."""
    ids = []
    for one, other in ((before, after), (after, before)):
        wait_for_tasks(one)
        job = {"task": "polite_sleeper", "queue": "first", "payload": {"seconds": 60}}
        waiting = [one.post("/v1/jobs", {**job, "delay_seconds": 900}) for _ in range(10)]
        running = [one.post("/v1/jobs", job) for _ in range(4)]
        posted = [reply.json()["id"] for reply in waiting + running]
        wait_for(partial(have_started, ledger, posted[10:]), 30)
        for job_id in posted:
            assert other.http.post(f"/v1/jobs/{job_id}/cancel").status_code < 300
        assert not {*posted[:10]} & ledger.started()
        ids += posted
    return ids


def have_started(ledger: Ledger, ids: list[str]) -> bool:
    return {*ids} <= ledger.started()


def freeze_until_reaped(worker: Service, store: Store, ledger: Ledger) -> set[Delivery]:
    """Stops a worker and its keeper until its jobs were given to others; then it goes on.

    A claim that stands at the store may still bring it a job while it is stopped.
    """
    pids = [worker.pid, *worker.children()]
    held = stop_in_work(worker, pids, store, ledger)

    def is_reaped() -> bool:
        held.update(held_by(worker, store))
        return not is_known(worker, store)

    wait_for(is_reaped, 30, interval_seconds=0.05)
    send(pids, signal.SIGCONT)
    wait_for(lambda: is_known(worker, store), 30, interval_seconds=0.05)
    return held


def kill_in_work(worker: Service, store: Store, ledger: Ledger) -> set[Delivery]:
    """SIGKILL while it runs jobs; its keeper lives and gives them back."""
    held = stop_in_work(worker, [worker.pid], store, ledger)
    worker.kill()
    worker.wait()
    return held


def stop_in_work(worker: Service, pids: list[int], store: Store, ledger: Ledger) -> set[Delivery]:
    """SIGSTOP while jobs of the worker run; returns what it holds."""

    def caught() -> set[Delivery]:
        send(pids, signal.SIGSTOP)
        held = wait_for_rest(lambda: held_by(worker, store))
        if {job_id for job_id, _ in held} & (ledger.started() - ledger.ended()):
            return held
        send(pids, signal.SIGCONT)
        return set()

    return wait_for(caught, 30, interval_seconds=0.05)


def wait_for_rest(look: Callable[[], set[Delivery]]) -> set[Delivery]:
    """What does not change any more: what was under way at the stop has arrived."""
    seen = [look()]

    def is_at_rest() -> bool:
        seen.append(look())
        return seen[-1] == seen[-2]

    wait_for(is_at_rest, interval_seconds=0.05)
    return seen[-1]


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def held_by(worker: Service, store: Store) -> set[Delivery]:
    """What the store has in the worker's hands, under whichever of its names."""
    names = [info.name for info in store.run(calls.workers()) if info.pid == worker.pid]
    members: list[Any] = [m for name in names for m in store.client.hkeys(store.keys.held(name))]
    parts = (member.decode().rpartition(":") for member in members)
    return {(job_id, token) for job_id, _, token in parts}


def is_known(worker: Service, store: Store) -> bool:
    return any(info.pid == worker.pid for info in store.run(calls.workers()))


def backlog(store: Store) -> int:
    return sum(queue.queued for queue in store.run(calls.queues()))


def ends(store: Store) -> int:
    names = [state.value for state in TERMINAL]
    return sum(queue.counters.get(name, 0) for queue in store.run(calls.queues()) for name in names)


def settled_by(client: RawClient, store: Store, job_id: str) -> list[str]:
    """The tokens of the deliveries that ended an attempt, oldest first."""
    rows = client.xrange(store.keys.results(job_id))
    return [row[1][b"execution_id"].decode() for row in rows]


def test_a_record_that_is_too_new_waits_for_a_newer_worker(
    store: Store, client: RawClient, services: Services, ledger: Ledger, tmp_path: Path
) -> None:
    too_new = [new_id() for _ in range(3)]
    for job_id in too_new:
        store.run(calls.submit([build_submission(id=job_id)]))
        client.hset(store.keys.job(job_id), mapping={"schema": "3", "shape": b"\x00 unheard of"})
    before = {job_id: client.hgetall(store.keys.job(job_id)) for job_id in too_new}
    worker = services.start("jobyard-worker", JOBYARD_QUEUES="default")

    for _ in range(3):
        for job_id in [submit(store, "noop") for _ in range(20)]:
            assert ended(store, job_id).state is State.SUCCEEDED

    waiting = {item.decode() for item in client.lrange(store.keys.queue("default"), 0, -1)}
    assert waiting == {*too_new}
    assert {job_id: client.hgetall(store.keys.job(job_id)) for job_id in too_new} == before
    assert worker.log().count("jobs.too_new") == 1
    assert not ledger.started() & {*too_new}
    newer_version(tmp_path / "newer").start(services, "jobyard-worker", JOBYARD_QUEUES="default")
    for job_id in too_new:
        assert ended(store, job_id).state is State.SUCCEEDED
        assert client.hget(store.keys.job(job_id), "shape") == b"\x00 unheard of"


def test_an_older_worker_leaves_a_large_job_to_a_newer_one(
    store: Store, services: Services, tmp_path: Path
) -> None:
    """It would run the task with what stands in the place of the payload."""
    older = older_version(tmp_path / "older").start(
        services, "jobyard-worker", JOBYARD_QUEUES="default"
    )
    large = submit(store, "echo", {"text": "x" * 100_000})
    small = submit(store, "echo", {"text": "y"})

    assert ended(store, small).state is State.SUCCEEDED
    older.wait_for_log("jobs.too_new")
    waiting = store.run(calls.read(large))
    assert waiting is not None
    assert waiting.state is State.QUEUED
    services.start("jobyard-worker", JOBYARD_QUEUES="default")
    assert ended(store, large).result == {"text": "x" * 100_000}
