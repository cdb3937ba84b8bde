"""What the services log: whose line it is, how an attempt ended, and what is nobody's business."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from support.jobs import ended, submit
from support.logging_tasks import FUNCTION, MODULE, WAYS
from support.rest import Rest
from support.waiting import wait_for
from support.workers import EXECUTORS

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import RawClient

JOB = ("job_id", "task", "queue", "attempt", "tenant")


def start_worker(services: Services, executor: str = "thread", **env: object) -> Service:
    return services.start(
        "jobyard-worker",
        **{
            "JOBYARD_TASK_MODULES": MODULE,
            "JOBYARD_EXECUTOR": executor,
            "JOBYARD_CONCURRENCY": 4,
            **env,
        },
    )


def events(service: Service, name: str) -> list[dict[str, Any]]:
    """The lines of one event; each line is one JSON object."""
    lines = [json.loads(line) for line in service.log().splitlines()]
    return [line for line in lines if line["event"] == name]


def outcome_of(service: Service, job_id: str) -> dict[str, Any]:
    """The line of the end of a job's last attempt so far."""

    def look() -> dict[str, Any] | None:
        found = [line for line in events(service, "job.finished") if line["job_id"] == job_id]
        return found[-1] if found else None

    return wait_for(look)


@pytest.mark.parametrize("task", ["say_all", "say_all_isolated", "say_all_async"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_line_inside_a_job_says_whose_it_is(
    services: Services, store: Store, executor: str, task: str
) -> None:
    worker = start_worker(services, executor)
    jobs = {submit(store, task, {"word": f"word-{n}"}, tenant="acme"): n for n in range(6)}

    for job in jobs:
        ended(store, job)

    said = events(worker, "said")
    assert {line["way"] for line in said} == set(WAYS)
    assert {tuple(line[name] for name in (*JOB, "word")) for line in said} == {
        (job, task, "default", 1, "acme", f"word-{n}") for job, n in jobs.items()
    }
    assert all(set(JOB) <= line.keys() for line in events(worker, "job.started"))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_line_outside_of_jobs_is_nobodys(services: Services, store: Store, executor: str) -> None:
    worker = start_worker(services, executor)
    ended(store, submit(store, "say_all", {"word": "x"}))

    worker.term()
    worker.wait()

    (stopped,) = events(worker, "worker.stopped")
    assert not stopped.keys() & set(JOB)
    assert all("tenant" not in line for line in events(worker, "said"))


def test_a_job_of_plain_rq_code_is_told_apart_too(
    services: Services, rq_connection: RawClient
) -> None:
    worker = start_worker(services, JOBYARD_RQ_FUNCTIONS=FUNCTION)
    queue = Queue("default", connection=rq_connection, serializer=JSONSerializer)

    job = queue.enqueue(FUNCTION, "hello")

    line = outcome_of(worker, job.id)
    assert (line["outcome"], line["task"], line["attempt"]) == ("succeeded", FUNCTION, 1)
    assert [(one["job_id"], one["task"], one["way"]) for one in events(worker, "said")] == [
        (job.id, FUNCTION, way) for way in WAYS if way != "context"
    ]


def test_lines_of_children_do_not_mix(services: Services, store: Store) -> None:
    worker = start_worker(services, "process")
    jobs = [submit(store, "crowd", {"word": word, "times": 50}) for word in "abcd"]

    for job in jobs:
        ended(store, job)

    crowded = events(worker, "crowded")
    assert len(crowded) == 4 * 50
    assert all(len(set(line["filler"])) == 1 for line in crowded)


# ---------------------------------------------------------------- outcomes


def test_the_outcome_says_how_long_it_took_and_is_kept(services: Services, store: Store) -> None:
    worker = start_worker(services)
    job = submit(
        store, "return_it", {"secret": "x"}, result_ttl_seconds=77, tenant="acme", queue="high"
    )

    line = outcome_of(worker, job)

    assert [line[name] for name in JOB] == [job, "return_it", "high", 1, "acme"]
    assert (line["level"], line["outcome"]) == ("info", "succeeded")
    assert line["result_ttl_seconds"] == 77
    assert 0 < line["duration_ms"] < 60_000
    assert 0 < line["wait_ms"] < 60_000


def test_a_failure_is_a_warning_with_its_traceback(services: Services, store: Store) -> None:
    worker = start_worker(services)
    job = submit(store, "fail_quietly", {"secret": "x"}, failure_ttl_seconds=88)

    line = outcome_of(worker, job)

    assert (line["level"], line["outcome"], line["failure_ttl_seconds"]) == (
        "warning",
        "failed",
        88,
    )
    assert (line["exception"]["type"], line["exception"]["message"]) == ("LookupError", "1")
    assert "logging_tasks.py" in line["exception"]["traceback"]


def test_a_task_that_says_so_shows_payload_and_result(services: Services, store: Store) -> None:
    worker = start_worker(services)
    job = submit(store, "show_it", {"word": "x" * 5_000})

    line = outcome_of(worker, job)

    assert line["payload"].startswith('{"word":"xxx')
    assert line["result"].startswith('"xxx')
    assert "left out" in line["payload"]
    assert len(line["payload"]) < 1_100


# ---------------------------------------------------------------- nobody's business

SECRET = "do-not-log-me"
TASKS = ("return_it", "fail_quietly", "die_quietly")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_line_of_any_service_has_a_payload_or_a_result(
    services: Services, store: Store, rq_connection: RawClient, executor: str
) -> None:
    """At ``debug``: jobs that succeed, fail with a traceback, die, and are never taken."""
    worker = start_worker(services, executor, JOBYARD_RQ_FUNCTIONS=f"{MODULE}.*")
    scheduler = services.start("jobyard-scheduler")
    payload = {"secret": SECRET}
    queue = Queue("default", connection=rq_connection, serializer=JSONSerializer)
    with Rest(services) as api:
        for task in TASKS:
            api.wait_for_task(task)
        posted = [api.post("/v1/jobs", {"task": task, "payload": payload}) for task in TASKS]
        jobs = [
            *(reply.json()["id"] for reply in posted),
            submit(store, "return_it", {"secret": [SECRET]}),  # as an older API may have taken it
            queue.enqueue(f"{MODULE}.fail_as_rq", SECRET).id,
        ]
        outcomes = {outcome_of(worker, job)["outcome"] for job in jobs}
        statuses = {_send(api, body) for body in REFUSED}
        api.http.get("/v1/jobs", params={"tag": SECRET}, headers={"X-Note": SECRET})

        for service in (worker, scheduler, api.service):
            assert SECRET not in service.log()
    assert outcomes == {"succeeded", "failed", "crashed"}
    assert statuses <= {400, 404, 413, 422}


REFUSED: tuple[bytes, ...] = (
    b'{"task": "return_it", "payload": {"secret": ["%s"]}}' % SECRET.encode(),
    b'{"task": "return_it", "payload": {"secret": "x", "other": "%s"}}' % SECRET.encode(),
    b'{"task": "nowhere", "payload": {"secret": "%s"}}' % SECRET.encode(),
    b'{"task": "return_it", "payload": {"secret": "%s" oh no' % SECRET.encode(),
    b'{"task": "return_it", "payload": {"%s": NaN}}' % SECRET.encode(),
    b'{"task": "return_it", "payload": {"secret": "%s\\ud800"}}' % SECRET.encode(),
    b'{"task": "return_it", "payload": {"secret": "%s%s"}}' % (SECRET.encode(), b"x" * 5_000_000),
    b"%s" % SECRET.encode(),
)


def _send(api: Rest, body: bytes) -> int:
    headers = {"Content-Type": "application/json"}
    return api.http.post("/v1/jobs", content=body, headers=headers).status_code


# ---------------------------------------------------------------- requests


def test_each_request_is_a_line_with_its_template_and_no_more(services: Services) -> None:
    with Rest(services) as api:
        job = api.post("/v1/jobs", {"task": "echo"}).json()["id"]
        asked = [
            ("GET", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", 200),
            ("GET", f"/v1/jobs/{job}x", "/v1/jobs/{job_id}", 404),
            ("GET", f"/job-status/{job}", "/job-status/{job_id}", 200),
            ("POST", "/submit-job", "/submit-job", 415),
            ("GET", f"/nowhere/{job}", "", 404),
            ("DELETE", "/livez", "/livez", 405),
        ]
        for method, path, _, _ in asked:
            api.http.request(method, path, params={"secret": SECRET})
        with api.http.stream("GET", f"/v1/jobs/{job}/events") as stream:
            assert stream.status_code == 200
            next(stream.iter_lines())
        routes = ["/v1/jobs", *(route for _, _, route, _ in asked), "/v1/jobs/{job_id}/events"]
        wait_for(lambda: _requests(api.service)[-1]["route"] == routes[-1])

    lines = _requests(api.service)
    assert [line["route"] for line in lines] == routes
    assert [line["status"] for line in lines] == [201, *(status for *_, status in asked), 200]
    assert all(line["request_id"] and line["duration_ms"] > 0 for line in lines)


def _requests(service: Service) -> list[dict[str, Any]]:
    return [line for line in events(service, "http.request") if line["route"] != "/readyz"]
