"""Metrics of whole services, scraped from the port that their log names."""

from __future__ import annotations

import socket
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING

import httpx
import pytest

from jobyard.observability import metrics
from jobyard.observability.metrics import ALL, API, EVERY, LEVELS, SCHEDULER, WORKER
from jobyard.store import calls
from support.jobs import ended, submit
from support.rest import Rest
from support.scraping import port_of, scrape
from support.servers import free_port
from support.waiting import wait_for
from support.workers import EXECUTORS, WITHOUT_FORK, start_worker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jobyard.observability.metrics import Metric
    from jobyard.store import Store
    from support.processes import Service, Services
    from support.scraping import Samples
    from support.servers import StoreServer

COMPLETED = "jobyard_jobs_completed_total"
LOOPS = {
    "promoter",
    "reaper",
    "ticker",
    "pruner",
    "trimmer",
    "watcher",
    "gauge",
    "estimator",
}


def completed(worker: Service, task: str, outcome: str, queue: str = "default") -> float | None:
    return scrape(worker).value(COMPLETED, queue=queue, task=task, outcome=outcome)


def queued(scheduler: Service, queue: str) -> float | None:
    return scrape(scheduler).value("jobyard_queue_jobs", queue=queue, state="queued")


def families(metrics: Iterable[Metric]) -> set[str]:
    return {metric.name.removesuffix("_total") for metric in metrics}


def shown(samples: Samples) -> set[str]:
    return {family.name for family in samples.ours}


@pytest.mark.parametrize("kind", [*EXECUTORS, WITHOUT_FORK])
def test_a_worker_shows_what_ended_how_and_after_which_wait(
    services: Services, store: Store, kind: str
) -> None:
    worker = start_worker(services, kind, JOBYARD_CONCURRENCY=3, JOBYARD_POOL="blue")
    jobs = [submit(store, "add", {"a": 2, "b": 3}) for _ in range(3)]
    jobs += [submit(store, "failer", {"message": "oh"}) for _ in range(2)]
    jobs += [submit(store, f"nobody.knows{n}") for n in range(2)]
    for job_id in jobs:
        ended(store, job_id)

    wait_for(lambda: completed(worker, "other", "failed") == 2, message=worker.log)
    wait_for(lambda: completed(worker, "failer", "failed") == 2, message=worker.log)
    wait_for(lambda: completed(worker, "add", "succeeded") == 3, message=worker.log)

    samples = scrape(worker)
    assert shown(samples) == families([*EVERY, *WORKER])
    assert samples.labels(["task"]) == {"add", "failer", "other"}
    assert samples.value("jobyard_job_run_seconds_count", queue="default", task="add") == 3
    assert samples.value("jobyard_job_wait_seconds_count", queue="default") == 7
    assert samples.value("jobyard_worker_slots", pool="blue") == 3
    assert samples.value("jobyard_settlements_refused_total", reason="stale") == 0
    assert samples.value("jobyard_store_failures_total") == 0
    assert worker.log().count('"metrics.started"') == 1


def test_a_slot_is_busy_while_it_runs_a_job(
    services: Services, store: Store, tmp_path: Path
) -> None:
    worker = start_worker(services, JOBYARD_TASK_MODULES="support.executor_tasks")
    gate = tmp_path / "gate"

    def busy() -> float | None:
        return scrape(worker).value("jobyard_worker_busy_slots", pool="default")

    assert busy() == 0
    submit(store, "wait_for_gate", {"path": str(gate)})
    wait_for(lambda: busy() == 1)
    gate.touch()
    wait_for(lambda: busy() == 0)


def test_a_worker_counts_the_failures_of_the_store_and_shows_them_meanwhile(
    services: Services, server: StoreServer
) -> None:
    worker = start_worker(services)
    worker.wait_for_log("worker.started")

    server.kill()

    wait_for(lambda: scrape(worker).value("jobyard_store_failures_total"))


def test_a_port_in_use_is_a_warning_and_the_worker_works(services: Services, store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start_worker(services, JOBYARD_METRICS_PORT=port)
        job_id = submit(store, "add", {"a": 2, "b": 3})

        assert ended(store, job_id).result == 5

    [line] = [line for line in worker.log().splitlines() if '"metrics.' in line]
    assert '"level":"warning"' in line
    assert "JOBYARD_METRICS_PORT" in line
    assert str(port) in line


def test_a_scheduler_shows_the_last_tick_of_each_loop(services: Services) -> None:
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")

    wait_for(lambda: scrape(scheduler).labels(["loop"]) == LOOPS, message=scheduler.log)

    samples = scrape(scheduler)
    assert shown(samples) == families([*EVERY, *LEVELS, *SCHEDULER])
    assert samples.value("jobyard_stock_workers") == 0


def test_two_schedulers_show_the_same_queues_and_pools(services: Services, store: Store) -> None:
    pair = [services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false") for _ in range(2)]
    store.run(calls.join("w1", pool="blue", slots=3, lease_seconds=60, queues=["q"]))
    store.run(calls.renew("w1", lease_seconds=60, busy=2))
    for priority in ("q.high", "q", "q.low"):
        submit(store, "add", queue=priority)

    for scheduler in pair:
        wait_for(lambda: queued(scheduler, "q") == 3, message=scheduler.log)  # noqa: B023 - now

        samples = scrape(scheduler)
        assert samples.value("jobyard_pool_workers", pool="blue", state="busy") == 1
        assert samples.value("jobyard_pool_workers", pool="blue", state="idle") == 0
        assert samples.value("jobyard_pool_slots", pool="blue") == 3
        assert samples.value("jobyard_pool_busy_slots", pool="blue") == 2
        assert samples.value("jobyard_queue_paused", queue="q") == 0
        assert samples.value("jobyard_store_up") == 1


def test_while_the_store_is_away_a_scheduler_shows_nothing_that_may_be_stale(
    services: Services, store: Store, server: StoreServer
) -> None:
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")
    submit(store, "add", queue="q")
    wait_for(lambda: queued(scheduler, "q") == 1, message=scheduler.log)
    wait_for(lambda: scrape(scheduler).value("jobyard_queue_retained_bytes", queue="q") is not None)

    server.kill()

    wait_for(lambda: scrape(scheduler).value("jobyard_store_up") == 0, message=scheduler.log)
    looked_up = [*LEVELS, metrics.STOCK_WORKERS, metrics.QUEUE_RETAINED]
    of_store = families(looked_up) - {"jobyard_store_up"}
    assert not of_store & {family.name for family in scrape(scheduler).families if family.samples}


def test_a_store_that_stands_still_is_not_up(services: Services, server: StoreServer) -> None:
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")
    wait_for(lambda: scrape(scheduler).value("jobyard_store_up") == 1, message=scheduler.log)

    server.pause()

    wait_for(lambda: scrape(scheduler).value("jobyard_store_up") == 0, message=scheduler.log)


def test_an_api_shows_what_it_answered_how_and_how_fast(services: Services) -> None:
    with Rest(services) as api:
        api.submit("add", payload={"a": 2, "b": 3})
        api.submit("add", payload={"a": 2, "b": 3})
        api.status("/v1/jobs/nobody")
        api.status("/nowhere")
        samples = scrape(api.service)

    def requests(method: str, route: str, status: int) -> float | None:
        labels = {"method": method, "route": route, "status": str(status)}
        return samples.value("jobyard_http_requests_total", **labels)

    assert shown(samples) == families([*EVERY, *API])
    assert requests("POST", "/v1/jobs", 201) == 2
    assert requests("GET", "/v1/jobs/{job_id}", 404) == 1
    assert requests("GET", "", 404) == 1
    assert samples.value("jobyard_http_problems_total", code="job-not-found") == 1
    assert samples.value("jobyard_http_problems_total", code="path-not-found") == 1
    assert samples.value("jobyard_jobs_submitted_total", queue="default", task="add") == 2
    assert samples.value("jobyard_event_clients") == 0
    assert samples.value("jobyard_http_request_seconds_count", method="POST", route="/v1/jobs") == 2
    assert samples.value("jobyard_http_requests_under_way") == 0


def test_a_worker_of_rqs_own_is_counted(services: Services, server: StoreServer) -> None:
    stock = services.start("rq", "worker", "--url", server.url, "-S", "json", "q")
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")

    wait_for(lambda: scrape(scheduler).value("jobyard_stock_workers") == 1, message=scheduler.log)

    assert stock.is_running


@pytest.mark.parametrize("service", ["api", "worker", "scheduler"])
def test_each_service_says_what_it_is_and_what_its_process_takes(
    services: Services, service: str
) -> None:
    options = ["--port", "0"] if service == "api" else []

    samples = scrape(services.start(f"jobyard-{service}", *options))

    [info] = samples.of("jobyard_build_info")
    assert info["service"] == service
    assert info["version"] == version(f"jobyard-{service}")
    assert info["python"] == python_version()
    assert samples.value("process_resident_memory_bytes")
    assert samples.value("process_open_fds")


def test_busy_seconds_grow_while_a_job_runs(
    services: Services, store: Store, tmp_path: Path
) -> None:
    worker = start_worker(services, JOBYARD_TASK_MODULES="support.executor_tasks")
    gate = tmp_path / "gate"

    def busy_seconds() -> float:
        return scrape(worker).value("jobyard_worker_busy_seconds_total", pool="default") or 0.0

    assert busy_seconds() == 0
    job_id = submit(store, "wait_for_gate", {"path": str(gate)})
    first = wait_for(busy_seconds)
    wait_for(lambda: busy_seconds() > first)
    gate.touch()
    ended(store, job_id)

    assert scrape(worker).value("jobyard_job_end_to_end_seconds_count", queue="default") == 1


def test_open_streams_of_events_are_counted(services: Services) -> None:
    with Rest(services) as api:
        with httpx.stream("GET", f"{api.http.base_url}/v1/events"):
            wait_for(lambda: scrape(api.service).value("jobyard_event_clients") == 1)

        wait_for(lambda: scrape(api.service).value("jobyard_event_clients") == 0)


def test_a_slow_bucket_names_a_trace_that_led_there(services: Services, store: Store) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    nobody = f"http://127.0.0.1:{free_port()}"
    worker = start_worker(services, OTEL_EXPORTER_OTLP_ENDPOINT=nobody)

    job_id = submit(store, "add", {"a": 2, "b": 3}, trace=f"00-{trace_id}-b7ad6b7169203331-01")
    ended(store, job_id)

    url = f"http://127.0.0.1:{port_of(worker)}/metrics"
    accepted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    example = f'# {{trace_id="{trace_id}"}}'
    wait_for(lambda: example in httpx.get(url, headers=accepted).text, message=worker.log)
    assert example not in httpx.get(url).text


NOTHING_HAPPENED = {metrics.JOBS_PRUNED, metrics.POOL_DESIRED_WORKERS, metrics.POOL_MAX_WORKERS}
"""Nothing was pruned yet, and no pool is told to the scheduler."""


def test_every_documented_metric_and_label_is_live_on_a_yard_at_work(
    services: Services, store: Store
) -> None:
    worker = start_worker(services)
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="true")
    with Rest(services) as api:
        api.submit("add", payload={"a": 2, "b": 3})
        api.status("/nowhere")
        ended(store, submit(store, "add", {"a": 2, "b": 3}, delay_seconds=0.1))

        seen: dict[str, set[frozenset[str]]] = {}

        def missing() -> set[str]:
            for service in (api.service, worker, scheduler):
                labels_by_metric(scrape(service), seen)
            return {metric.name for metric in ALL if metric not in NOTHING_HAPPENED} - seen.keys()

        wait_for(lambda: not missing(), message=lambda: f"missing: {missing()}")

    labels = {metric.name: {frozenset(metric.labels)} for metric in ALL}
    assert {name: labels[name] for name in seen} == seen


def labels_by_metric(samples: Samples, seen: dict[str, set[frozenset[str]]]) -> None:
    """Adds which sets of labels each metric is shown with."""
    for family in samples.ours:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            seen.setdefault(name, set()).add(frozenset(sample.labels.keys() - {"le"}))
