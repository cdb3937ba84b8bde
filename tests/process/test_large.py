"""Large payloads and results through whole services, their limits, and the budget of a queue."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from jobyard.keys import Keys
from jobyard.states import State
from jobyard.store import calls
from support.jobs import ended, submit
from support.large_tasks import MODULE, noise
from support.ledger import TASK_MODULE
from support.processes import SCRIPTS
from support.rest import Rest
from support.scraping import scrape
from support.waiting import wait_for
from support.workers import EXECUTORS, start_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import RawClient

KEYS = Keys()
SENT = 900_000
RETURNED = 5_000_000
WAYS = [
    ("thread", "enlarge"),
    ("thread", "enlarge_async"),
    ("thread", "enlarge_isolated"),
    ("process", "enlarge"),
    ("asyncio", "enlarge"),
    ("asyncio", "enlarge_async"),
]
MODULES = f"{MODULE},{TASK_MODULE}"


def worker(services: Services, kind: str = "thread", **env: object) -> Service:
    return start_worker(services, kind, **{"JOBYARD_TASK_MODULES": MODULES, **env})


def apart(client: RawClient) -> set[str]:
    return {
        name.decode()
        for kind in ("payload", "result")
        for name in client.scan_iter(f"{KEYS.yard(kind)}:*")
    }


def listed(rest: Rest, **query: Any) -> tuple[list[dict[str, Any]], int]:
    """The jobs of a page, and its bytes."""
    reply = rest.http.get("/v1/jobs", params=query).raise_for_status()
    return reply.json()["jobs"], len(reply.content)


@pytest.mark.parametrize(("kind", "task"), WAYS)
def test_a_large_payload_and_result_come_through_whole(
    services: Services, client: RawClient, kind: str, task: str
) -> None:
    worker(services, kind)
    with Rest(services) as rest:
        rest.wait_for_task(task)
        text = noise(SENT)
        payload = {"text": text, "size": RETURNED}
        job = rest.submit(task, payload=payload)
        done = wait_for(lambda: (found := rest.job(job["id"]))["result"] and found, 60)
        jobs, size = listed(rest)

    assert done["state"] == "succeeded"
    assert job["payload"] == done["payload"] == payload
    assert done["result"]["digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert done["result"]["text"] == noise(RETURNED)
    assert (job["omitted"], done["omitted"]) == ([], [])
    assert size < 2_000
    assert [it["omitted"] for it in jobs] == [["payload", "result"]]
    assert [(it["payload"], it["result"]) for it in jobs] == [(None, None)]
    assert client.memory_usage(KEYS.job(job["id"])) < 2_000


def test_a_page_of_200_large_jobs_stays_small(
    services: Services, figure: Callable[[str, object], None]
) -> None:
    worker(services, JOBYARD_QUEUES="high")
    with Rest(services) as rest:
        rest.wait_for_task("enlarge")
        payload = {"text": noise(100_000), "size": 100_000}
        jobs = [{"task": "enlarge", "payload": payload} for _ in range(8)]
        for _ in range(25):
            rest.post("/v1/jobs/batch", {"jobs": jobs})
        found, size = listed(rest, queue="default", page_size=200)

    figure("bytes of a page of 200 jobs of 100 kB", size)
    assert len(found) == 200
    assert size < 200 * 600


def test_the_ttl_takes_all_that_was_kept_apart(
    services: Services, store: Store, client: RawClient
) -> None:
    worker(services)
    payload = {"text": noise(SENT), "size": 100_000}
    job_id = submit(store, "enlarge", payload, result_ttl_seconds=3)
    ended(store, job_id)
    assert apart(client) == {KEYS.payload(job_id), KEYS.result(job_id)}

    wait_for(lambda: not apart(client), 20)
    services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")
    wait_for(lambda: not client.exists(KEYS.jobs("default"), KEYS.apart("default")), 30)

    assert store.run(calls.read(job_id)) is None


def test_a_payload_above_the_limit_is_refused_and_nothing_is_stored(
    services: Services, client: RawClient
) -> None:
    worker(services)
    with Rest(services, JOBYARD_MAX_PAYLOAD_BYTES=100_000) as rest:
        rest.wait_for_task("enlarge")
        large, small = ({"text": noise(size), "size": 1} for size in (100_000, 1_000))
        alone = rest.http.post("/v1/jobs", json={"task": "enlarge", "payload": large})
        jobs = [{"task": "enlarge", "payload": each} for each in (large, small)]
        batch = rest.post("/v1/jobs/batch", {"jobs": jobs}).json()["results"]
        said = submitted_by_command(services, rest.port, large)

    problem = alone.json()
    assert (alone.status_code, problem["code"], problem["limit"]) == (
        413,
        "payload-too-large",
        100_000,
    )
    assert "100000 is the most (JOBYARD_MAX_PAYLOAD_BYTES)" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/payload"]
    assert [result["status"] for result in batch] == [413, 201]
    assert batch[0]["problem"]["code"] == "payload-too-large"
    assert said.returncode != 0
    assert "JOBYARD_MAX_PAYLOAD_BYTES" in said.stderr
    assert apart(client) == set()


def submitted_by_command(
    services: Services, port: int, payload: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "jobyard", "submit", "enlarge", "--payload", json.dumps(payload)],
        cwd=services.directory,
        env={"JOBYARD_API_URL": f"http://127.0.0.1:{port}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_follow_up_above_the_limit_fails_its_job_once(
    services: Services, store: Store, kind: str
) -> None:
    worker(services, kind, JOBYARD_MAX_PAYLOAD_BYTES=200_000)
    fits, does_not = (submit(store, "enqueue_large", {"size": n}) for n in (150_000, 200_000))

    child = ended(store, ended(store, fits).result)
    failed = ended(store, does_not)

    assert child.state is State.SUCCEEDED
    assert (failed.state, failed.attempts) == (State.FAILED, 1)
    assert failed.error is not None
    assert failed.error.type.endswith("PayloadTooLargeError")
    assert "200000 is the most (JOBYARD_MAX_PAYLOAD_BYTES)" in failed.error.message


@pytest.mark.parametrize(("kind", "task"), WAYS)
def test_a_result_above_the_limit_fails_its_job_once(
    services: Services, store: Store, kind: str, task: str
) -> None:
    worker(services, kind, JOBYARD_MAX_RESULT_BYTES=200_000)
    payload = {"text": "", "size": 200_000}

    failed = ended(store, submit(store, task, payload, retry=b'{"max_retries":5}'))

    assert (failed.state, failed.attempts, failed.result) == (State.FAILED, 1, None)
    assert failed.error is not None
    assert failed.error.type.endswith("ResultTooLargeError")
    assert "200000 is the most (JOBYARD_MAX_RESULT_BYTES)" in failed.error.message


def test_a_threshold_of_ones_own_keeps_all_where_rq_has_it(
    services: Services, client: RawClient
) -> None:
    worker(services, JOBYARD_LARGE_BYTES=10_000_000)
    with Rest(services, JOBYARD_LARGE_BYTES=10_000_000) as rest:
        rest.wait_for_task("enlarge")
        job = rest.submit("enlarge", payload={"text": noise(SENT), "size": SENT})
        wait_for(lambda: rest.job(job["id"])["result"], 60)

    assert apart(client) == set()


def test_a_stock_worker_of_rq_gets_the_payload_too(
    store: Store, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBYARD_TASK_MODULES", MODULE)
    job_id = submit(store, "enlarge", {"text": noise(SENT), "size": 10})

    SimpleWorker(["default"], connection=client, serializer=JSONSerializer).work(burst=True)

    job = store.run(calls.read(job_id))
    assert job is not None
    assert job.state is State.SUCCEEDED, job.error
    assert job.result["digest"] == hashlib.sha256(noise(SENT).encode()).hexdigest()


def test_a_budget_holds_under_load(
    services: Services,
    store: Store,
    client: RawClient,
    figure: Callable[[str, object], None],
) -> None:
    """Results of 100 kB, far more than fit: the newest stay, and a failed job stays with them."""
    budget, jobs = 5_000_000, 600
    scheduler = services.start(
        "jobyard-scheduler",
        JOBYARD_NOTIFICATIONS="false",
        JOBYARD_QUEUE_BUDGET_BYTES=f"1000000000,load:{budget}",
    )
    running = worker(services, JOBYARD_QUEUES="load,other", JOBYARD_LOG_LEVEL="warning")
    failed = submit(store, "failer", queue="load")
    kept = submit(store, "enlarge", {"text": "", "size": 100_000}, queue="other")
    ids = [
        submit(store, "enlarge", {"text": "", "size": 100_000}, queue="load") for _ in range(jobs)
    ]
    ended(store, failed)

    def is_worked_off() -> bool:
        counters = next(it for it in store.run(calls.queues()) if it.name == "load").counters
        return counters.get("succeeded", 0) == jobs

    wait_for(is_worked_off, 120, running.log, interval_seconds=0.1)
    wait_for(lambda: retained(scheduler, "load", above=budget), 60, scheduler.log)
    remaining = client.zcard(KEYS.registry("finished", "load"))
    took = sum(client.memory_usage(name) or 0 for name in client.scan_iter("rq:yard:result:*"))

    figure("budget / kept apart afterwards, bytes", f"{budget} / {took}")
    figure("jobs that ended / kept", f"{jobs} / {remaining}")
    assert 0.7 * budget < took < 1.05 * budget
    assert 0 < remaining < 200
    newest = client.zrevrange(KEYS.registry("finished", "load"), 0, -1)
    assert {it.decode() for it in newest} & set(ids[:100]) == set()
    assert store.run(calls.read(failed)) is not None
    assert store.run(calls.read(kept)) is not None
    pruned = scrape(scheduler).value("jobyard_jobs_pruned_total", queue="load", reason="budget")
    assert pruned == jobs - remaining


def retained(scheduler: Service, queue: str, *, above: int) -> bool:
    value = scrape(scheduler).value("jobyard_queue_retained_bytes", queue=queue)
    return value is not None and 0 < value <= above
