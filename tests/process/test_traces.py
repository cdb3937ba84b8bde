"""Traces of a whole stack, caught by a real collector: from the request to the last job of it."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from jobyard.retry import RetryPolicy
from jobyard.states import State
from support.collector import Collector
from support.jobs import ended, submit
from support.rest import Rest
from support.servers import free_port
from support.waiting import wait_for
from support.workers import EXECUTORS, start_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobyard.store import Store
    from support.collector import Received
    from support.ledger import Ledger
    from support.processes import Service, Services
    from support.servers import RawClient, StoreServer

FLAKY = ("traced_flaky", "traced_flaky_isolated", "traced_flaky_async")
MODULES = "support.ledger_tasks,support.worker_tasks,support.traced_tasks"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(services: Services, collector: Collector) -> Services:
    """Services that send their spans to ``collector``."""
    services.env |= {**collector.environment, "JOBYARD_TASK_MODULES": MODULES}
    return services


@pytest.fixture
def rest(traced: Services) -> Iterator[Rest]:
    with Rest(traced) as rest:
        yield rest


@pytest.fixture(params=EXECUTORS)
def worker(traced: Services, request: pytest.FixtureRequest) -> Service:
    """One of each kind, or of the kind that a test names; with a scheduler beside it."""
    traced.start("jobyard-scheduler")
    return start_worker(traced, request.param, JOBYARD_TASK_MODULES=MODULES)


with_threads = pytest.mark.parametrize("worker", ["thread"], indirect=True)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("task", FLAKY)
def test_one_story_from_the_request_to_the_follow_up_job(
    rest: Rest, store: Store, collector: Collector, task: str
) -> None:
    rest.wait_for_task(task)

    job_id = rest.submit(task)["id"]
    follower_id = str(ended(store, job_id).result)
    ended(store, follower_id)

    [server] = collector.wait_for("POST /v1/jobs")
    [producer] = collector.wait_for_job(job_id, "send")
    first, retry = collector.wait_for_job(job_id, "process", 2)
    [follower] = collector.wait_for_job(follower_id, "process")
    first_work, retry_work = collector.wait_for("own work", 2)
    [follower_work] = collector.wait_for("follower's work")
    assert server.parent_id == ""
    assert producer.is_part_of(server)
    assert first.is_part_of(producer)
    assert first_work.is_part_of(first)
    assert (retry.parent_id, retry.links) == ("", (producer.key,))
    assert retry.trace_id != first.trace_id
    assert retry_work.is_part_of(retry)
    assert follower.is_part_of(retry)
    assert follower_work.is_part_of(follower)
    assert collector.orphans() == []


@with_threads
def test_a_rescued_job_begins_a_trace_of_its_own_that_names_the_first(
    traced: Services, worker: Service, rest: Rest, collector: Collector, ledger: Ledger
) -> None:
    rest.wait_for_task("traced_survivor")
    job_id = rest.submit("traced_survivor")["id"]
    wait_for(lambda: job_id in ledger.runs(), 20)
    collector.wait_for("before the kill")

    worker.kill()
    start_worker(traced, JOBYARD_TASK_MODULES=MODULES)

    [rescue] = collector.wait_for_job(job_id, "process")
    [producer] = collector.wait_for_job(job_id, "send")
    [after] = collector.wait_for("after the rescue")
    [follower_work] = collector.wait_for("follower's work")
    wait_for(lambda: len(collector.named("process default")) == 2, 20, collector.shown)
    [follower] = (one for one in collector.named("process default") if one != rescue)
    assert (rescue.parent_id, rescue.links) == ("", (producer.key,))
    assert rescue.attributes["jobyard.delivery"] == 2
    assert "job.rescued" in rescue.events
    assert after.is_part_of(rescue)
    assert follower.trace_id == rescue.trace_id
    assert follower_work.is_part_of(follower)
    [orphan] = collector.orphans()
    assert (orphan.name, orphan.trace_id) == ("before the kill", producer.trace_id)


@with_threads
@pytest.mark.usefixtures("worker")
def test_jobs_of_a_batch_are_linked_to_its_one_span(
    rest: Rest, store: Store, collector: Collector
) -> None:
    rest.wait_for_task("noop")

    reply = rest.http.post("/v1/jobs/batch", json={"jobs": [{"task": "noop"}] * 3})
    ids = [result["job"]["id"] for result in reply.json()["results"]]
    for job_id in ids:
        ended(store, job_id)

    [server] = collector.wait_for("POST /v1/jobs/batch")
    [producer] = collector.wait_for("send")
    runs = [collector.wait_for_job(job_id, "process")[0] for job_id in ids]
    assert producer.is_part_of(server)
    assert producer.attributes["messaging.batch.message_count"] == 3
    assert [run.links for run in runs] == [(producer.key,)] * 3
    assert len({run.trace_id for run in (*runs, server)}) == 4


@with_threads
@pytest.mark.usefixtures("worker")
def test_a_run_says_what_messaging_systems_say(
    rest: Rest, store: Store, collector: Collector
) -> None:
    rest.wait_for_task("failer")

    job_id = rest.submit("failer", payload={"message": "oh"}, queue="default")["id"]
    ended(store, job_id)

    [run] = collector.wait_for_job(job_id, "process")
    assert (run.name, run.kind, run.service) == ("process default", "consumer", "jobyard-worker")
    assert run.is_error
    client_id = run.attributes.pop("messaging.client.id")
    assert client_id
    assert run.attributes == {
        "messaging.system": "jobyard",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "default",
        "messaging.message.id": job_id,
        "error.type": "RuntimeError",
        "jobyard.task": "failer",
        "jobyard.attempt": 1,
        "jobyard.delivery": 1,
        "jobyard.outcome": "failed",
    }
    assert run.events["exception"]["exception.message"] == "oh"
    assert run.start_ns <= run.end_ns


@with_threads
@pytest.mark.usefixtures("worker")
def test_a_caller_s_trace_goes_on_and_is_named_in_problems_and_logs(
    rest: Rest, store: Store, collector: Collector
) -> None:
    rest.wait_for_task("noop")
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}

    job = rest.http.post("/v1/jobs", json={"task": "noop"}, headers=headers).json()
    problem = rest.http.get("/v1/jobs/nope", headers=headers).json()
    ended(store, job["id"])

    [server] = collector.wait_for("POST /v1/jobs")
    [missing] = collector.wait_for("GET /v1/jobs/{job_id}")
    [run] = collector.wait_for_job(job["id"], "process")
    assert (server.trace_id, server.parent_id, run.trace_id) == (TRACE, SPAN, TRACE)
    assert problem["trace_id"] == TRACE
    assert missing.attributes["http.response.status_code"] == 404
    assert not missing.is_error
    lines = logged(rest.service, "http.request", route="/v1/jobs/{job_id}")
    assert (lines[-1]["trace_id"], lines[-1]["span_id"]) == missing.key


@pytest.mark.parametrize("task", FLAKY)
def test_every_line_inside_a_job_names_its_span(
    traced: Services, store: Store, collector: Collector, task: str
) -> None:
    traced.start("jobyard-scheduler")
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES)

    job_id = submit(store, task, retry=RetryPolicy.fixed(0.05).to_json())
    ended(store, job_id)

    first, retry = collector.wait_for_job(job_id, "process", 2)
    wait_for(lambda: len(logged(worker, "job.finished", job_id=job_id)) == 2, 20)
    for event in ("at work", "job.finished"):
        lines = logged(worker, event, job_id=job_id)
        assert [(line["trace_id"], line["span_id"]) for line in lines] == [first.key, retry.key]


@with_threads
@pytest.mark.usefixtures("worker")
def test_what_its_caller_does_not_record_nobody_records(
    rest: Rest, store: Store, collector: Collector
) -> None:
    rest.wait_for_task("traced_flaky")
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-00"}

    job = rest.http.post("/v1/jobs", json={"task": "traced_flaky"}, headers=headers).json()
    ended(store, str(ended(store, job["id"]).result))
    marker = rest.submit("noop")["id"]

    collector.wait_for_job(marker, "process")
    assert TRACE not in {one.trace_id for one in collector.spans}
    assert collector.named("own work") + collector.named("follower's work") == []


def test_nothing_is_recorded_of_traces_that_are_not_sampled(
    traced: Services, store: Store, collector: Collector
) -> None:
    ratio = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    traced.env |= ratio
    start_worker(traced, JOBYARD_TASK_MODULES=MODULES)
    with Rest(traced) as rest:
        rest.wait_for_task("noop")
        ended(store, rest.submit("noop")["id"])
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        job = rest.http.post("/v1/jobs", json={"task": "noop"}, headers=headers).json()

    collector.wait_for_job(job["id"], "process")
    assert {one.trace_id for one in collector.spans} == {TRACE}


@with_threads
@pytest.mark.usefixtures("worker")
def test_a_cancel_is_an_event_of_the_request_and_the_end_of_the_run(
    rest: Rest, collector: Collector, ledger: Ledger
) -> None:
    rest.wait_for_task("polite_sleeper")
    job_id = rest.submit("polite_sleeper", payload={"seconds": 120})["id"]
    wait_for(lambda: job_id in ledger.runs(), 20)

    rest.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()

    [request] = collector.wait_for("POST /v1/jobs/{job_id}/cancel")
    [run] = collector.wait_for_job(job_id, "process")
    assert request.events["job.cancel"]["messaging.message.id"] == job_id
    assert (run.attributes["jobyard.outcome"], run.is_error) == ("canceled", False)


def test_a_fired_schedule_is_the_root_of_its_job_s_trace(
    traced: Services, collector: Collector, tmp_path: Path
) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text('[[schedule]]\nname = "often"\ntask = "noop"\nevery = "1s"\n')
    quiet: dict[str, object] = {"JOBYARD_SCHEDULES_FILE": path, "JOBYARD_NOTIFICATIONS": "false"}
    start_worker(traced, JOBYARD_TASK_MODULES=MODULES)
    for _ in range(2):
        traced.start("jobyard-scheduler", **quiet)

    run = collector.wait_for("process default", 2)[0]

    wait_for(lambda: not collector.orphans(), 20, collector.shown)
    [firing] = (one for one in collector.named("send default") if run.is_part_of(one))
    job_id = run.attributes["messaging.message.id"]
    assert (firing.service, firing.kind, firing.parent_id) == ("jobyard-scheduler", "producer", "")
    assert firing.attributes["jobyard.schedule"] == "often"
    assert len(collector.of_job(job_id, "send")) == 1


@with_threads
def test_who_reaped_a_dead_worker_says_so(
    traced: Services, worker: Service, rest: Rest, collector: Collector, ledger: Ledger
) -> None:
    traced.start("jobyard-scheduler", JOBYARD_LEASE_SECONDS=1)
    dead = start_worker(traced, JOBYARD_TASK_MODULES=MODULES, JOBYARD_LEASE_SECONDS=1)
    worker.kill()
    rest.wait_for_task("sleeper")
    job_id = rest.submit("sleeper", payload={"seconds": 120})["id"]
    wait_for(lambda: job_id in ledger.runs(), 20)

    for pid in dead.children():
        os.kill(pid, signal.SIGKILL)
    dead.kill()

    wait_for(lambda: rescues(collector), 30, collector.shown)
    assert rescues(collector)[0].attributes["jobyard.workers"]


def rescues(collector: Collector) -> list[Received]:
    return [one for one in collector.named("reap") if one.attributes["jobyard.rescued"] == 1]


@with_threads
@pytest.mark.usefixtures("worker")
def test_a_child_that_dies_takes_only_its_own_spans_with_it(
    rest: Rest, store: Store, collector: Collector
) -> None:
    rest.wait_for_task("traced_crasher")

    job_id = rest.submit("traced_crasher")["id"]
    ended(store, job_id)

    runs = collector.wait_for_job(job_id, "process", 3)
    [producer] = collector.wait_for_job(job_id, "send")
    assert [run.attributes["error.type"] for run in runs] == ["Crashed"] * 3
    assert [run.links for run in runs] == [(), (producer.key,), (producer.key,)]
    assert collector.named("last work") == []
    assert collector.orphans() == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_that_a_stopping_worker_gives_back_is_recorded_as_such(
    traced: Services, rest: Rest, collector: Collector, ledger: Ledger, executor: str
) -> None:
    chosen: dict[str, object] = {"JOBYARD_TASK_MODULES": MODULES, "JOBYARD_GRACE_SECONDS": 6}
    worker = start_worker(traced, executor, **chosen)
    rest.wait_for_task("traced_survivor")
    job_id = rest.submit("traced_survivor")["id"]
    wait_for(lambda: job_id in ledger.runs(), 20)

    worker.term()
    worker.wait()
    start_worker(traced, executor, **chosen)

    given_back, run = collector.wait_for_job(job_id, "process", 2)
    [producer] = collector.wait_for_job(job_id, "send")
    assert given_back.attributes["error.type"] == "abandoned"
    assert given_back.is_part_of(producer)
    assert run.is_part_of(producer)
    wait_for(lambda: not collector.orphans(), message=collector.shown)


def test_what_is_not_sent_yet_is_sent_at_the_end(
    traced: Services, rest: Rest, store: Store, collector: Collector
) -> None:
    traced.env |= {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES)
    rest.wait_for_task("traced_follower")
    job_id = rest.submit("traced_follower")["id"]
    ended(store, job_id)
    assert collector.of_job(job_id, "process") == []

    worker.term()

    assert worker.wait() == 0
    assert len(collector.of_job(job_id, "process")) == 1
    assert len(collector.named("follower's work")) == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_a_collector_that_takes_nothing_holds_up_nothing(
    traced: Services, store: Store, collector: Collector, *, is_there: bool
) -> None:
    """An hour for one try: whoever waited for it would not be gone when this test is over."""
    collector.hang()
    url = collector.url if is_there else f"http://127.0.0.1:{free_port()}"
    traced.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES)
    scheduler = traced.start("jobyard-scheduler")
    with Rest(traced) as rest:
        rest.wait_for_task("traced_flaky")
        job_id = rest.submit("traced_flaky")["id"]
        assert ended(store, job_id).attempts == 2

        for service in (rest.service, worker, scheduler):
            service.term()

        assert [service.wait() for service in (rest.service, worker, scheduler)] == [0, 0, 0]


def test_a_collector_that_comes_back_is_said_once(
    traced: Services, store: Store, collector: Collector
) -> None:
    collector.status = 400
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES)
    worker.wait_for_log("worker.started")
    ended(store, submit(store, "noop"))
    worker.wait_for_log("traces.away")
    ended(store, submit(store, "noop"))
    wait_for(lambda: collector.requests == 2, 20)

    collector.status = 200
    last = submit(store, "noop")

    collector.wait_for_job(last, "process")
    worker.wait_for_log("traces.back")
    assert len(logged(worker, "traces.away")) == 1
    assert logged(worker, "traces.back")[0]["lost_spans"] == 2


def test_more_spans_than_are_sent_are_dropped_and_that_is_said(
    traced: Services, store: Store, collector: Collector
) -> None:
    collector.hang()
    traced.env |= {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES)

    jobs = [submit(store, "noop") for _ in range(20)]

    assert all(ended(store, job_id).state is State.SUCCEEDED for job_id in jobs)
    worker.wait_for_log("traces.dropped")


def test_a_request_that_finds_no_store_is_an_error(
    rest: Rest, collector: Collector, server: StoreServer
) -> None:
    server.kill()

    reply = rest.http.get("/v1/jobs")

    [request] = collector.wait_for("GET /v1/jobs")
    assert reply.status_code == 503
    assert request.is_error
    assert request.attributes["error.type"] == "503"
    assert reply.json()["trace_id"] == request.trace_id


def test_a_function_of_plain_rq_code_is_recorded_too(
    traced: Services, client: RawClient, collector: Collector
) -> None:
    start_worker(traced, JOBYARD_TASK_MODULES=MODULES, JOBYARD_RQ_FUNCTIONS="support.*")
    queue = Queue("default", connection=client, serializer=JSONSerializer)

    job = queue.enqueue("support.traced_tasks.traced_function")

    [run] = collector.wait_for_job(job.id, "process")
    [work] = collector.wait_for("function's work")
    assert run.parent_id == ""
    assert work.is_part_of(run)


def test_the_usual_variables_say_who_sends(
    traced: Services, store: Store, collector: Collector
) -> None:
    traced.env |= {"OTEL_SERVICE_NAME": "mailer"}
    start_worker(traced, JOBYARD_TASK_MODULES=MODULES)

    job_id = submit(store, "noop")

    [run] = collector.wait_for_job(job_id, "process")
    assert run.service == "mailer"


@pytest.mark.parametrize(
    "off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
def test_traces_can_be_turned_off_where_a_collector_is_named(
    traced: Services, store: Store, collector: Collector, off: dict[str, str]
) -> None:
    worker = start_worker(traced, JOBYARD_TASK_MODULES=MODULES, **off)
    ended(store, submit(store, "noop"))

    worker.term()

    assert worker.wait() == 0
    assert collector.requests == 0


def logged(service: Service, event: str, **fields: object) -> list[dict[str, Any]]:
    """Lines of a service's log, in their order."""
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event and fields.items() <= line.items()]
