"""``rq worker -w jobyard_worker.Worker``: each option is honoured, or refused with a reason."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from rq import Callback, Queue, Repeat, Retry
from rq.command import send_shutdown_command
from rq.serializers import DefaultSerializer, JSONSerializer
from rq.worker import Worker

from support import rq_functions
from support.jobs import MODULES
from support.waiting import wait_for
from support.workers import WITHOUT_FORK, start_worker

if TYPE_CHECKING:
    from rq.job import Job

    from support.ledger import Ledger
    from support.processes import Service, Services
    from support.servers import RawClient, StoreServer

SECONDS = 30.0


def rq_worker(services: Services, server: StoreServer, *arguments: str, **env: object) -> Service:
    command = ("worker", "-w", "jobyard_worker.Worker", "--url", server.url)
    return services.start("rq", *command, *arguments, **env)


def burst(services: Services, server: StoreServer, *arguments: str, **env: object) -> Service:
    """Runs what waits; returns the worker after its end."""
    worker = rq_worker(services, server, "--burst", *arguments, **env)
    assert worker.wait(SECONDS) == 0, worker.log()
    return worker


def queue_of(client: RawClient, serializer: Any = JSONSerializer, name: str = "q") -> Queue:
    return Queue(name, connection=client, serializer=serializer)


def has_ended(job: Job) -> bool:
    return job.get_status() in {"finished", "failed"}


def error_of(job: Job) -> str:
    latest = job.latest_result()
    assert latest is not None
    return latest.exc_string or ""


def test_a_burst_ends_when_nothing_waits_and_honours_result_ttl_name_and_pid_file(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    jobs = [queue_of(client, name=name).enqueue(rq_functions.add, 1, 2) for name in ("q", "late")]
    pid_file = services.directory / "pid"

    worker = burst(
        services, server, "--results-ttl", "77", "--name", "by-hand", "--pid", str(pid_file),
        "--verbose", "--disable-job-desc-logging", "q", "late",
    )  # fmt: skip

    assert [job.get_status() for job in jobs] == ["finished", "finished"]
    assert 0 < client.ttl(jobs[0].key) <= 77
    assert pid_file.read_text() == str(worker.pid)
    assert '"worker":"by-hand"' in worker.log()
    assert "add(1, 2)" not in worker.log()


def test_a_burst_runs_what_its_jobs_lead_to(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue = queue_of(client)
    parent = queue.enqueue(rq_functions.fail_times, 1, retry=Retry(max=1))
    child = queue.enqueue(rq_functions.record, "child", depends_on=parent, repeat=Repeat(times=2))

    burst(services, server, "q")

    assert child.get_status() == "finished"
    assert client.lrange(rq_functions.LOG, 0, -1) == [b"child"] * 3


def test_a_worker_leaves_after_its_jobs(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue = queue_of(client)
    jobs = [queue.enqueue(rq_functions.add, n, n) for n in range(5)]

    worker = rq_worker(services, server, "--max-jobs", "3", "--quiet", "q", JOBYARD_CONCURRENCY=2)

    assert worker.wait(SECONDS) == 0
    assert [job.get_status().value for job in jobs] == ["finished"] * 3 + ["queued"] * 2
    assert worker.log() == ""


def test_a_worker_leaves_when_it_was_idle_for_long_and_keeps_one_job_at_a_time(
    services: Services, server: StoreServer, client: RawClient, ledger: Ledger
) -> None:
    jobs = [queue_of(client).enqueue(rq_functions.nap, 0.05) for _ in range(2)]

    worker = rq_worker(services, server, "--max-idle-time", "1", "q")

    assert worker.wait(SECONDS) == 0
    first, second = (ledger.runs()[job.id][0] for job in jobs)
    assert first.end is not None
    assert first.end.time_ns <= second.start.time_ns


@pytest.mark.parametrize(
    ("strategy", "runs"), [("default", "aabb"), ("round_robin", "abab"), ("random", "?")]
)
def test_queues_take_turns_as_asked(
    services: Services, server: StoreServer, client: RawClient, strategy: str, runs: str
) -> None:
    for name in "aabb":
        queue_of(client, name=name).enqueue(rq_functions.record, name)

    burst(services, server, "--dequeue-strategy", strategy, "a", "b")

    order = b"".join(client.lrange(rq_functions.LOG, 0, -1)).decode()
    assert order == runs if runs != "?" else sorted(order) == list("aabb")


def test_a_shutdown_command_ends_the_worker(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    worker = rq_worker(services, server, "q")
    worker.wait_for_log("worker.started", SECONDS)
    name = wait_for(lambda: Worker.all_keys(connection=client), SECONDS)[0].rpartition(":")[2]
    wait_for(lambda: client.pubsub_numsub(f"rq:pubsub:{name}")[0][1] == 1, SECONDS)

    send_shutdown_command(client, name)

    assert worker.wait(SECONDS) == 0


def test_a_job_of_a_killed_worker_runs_again(
    services: Services, server: StoreServer, client: RawClient, ledger: Ledger
) -> None:
    job = queue_of(client).enqueue(rq_functions.nap, 1)
    first = rq_worker(services, server, "q")
    wait_for(lambda: ledger.runs()[job.id], SECONDS)

    first.kill()

    second = rq_worker(services, server, "--max-jobs", "1", "q")
    assert second.wait(SECONDS) == 0
    assert job.get_status() == "finished"
    assert len(ledger.runs()[job.id]) == 2


def test_sigterm_lets_a_job_finish(
    services: Services, server: StoreServer, client: RawClient, ledger: Ledger
) -> None:
    job = queue_of(client).enqueue(rq_functions.nap, 1)
    worker = rq_worker(services, server, "q")
    wait_for(lambda: ledger.runs()[job.id], SECONDS)

    worker.send(signal.SIGTERM)

    assert worker.wait(SECONDS) == 0
    assert job.get_status() == "finished"


def test_the_classes_of_the_command_line_are_used(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    job = queue_of(client, rq_functions.Backwards).enqueue(rq_functions.pid)

    burst(
        services, server, "-j", "support.rq_functions.LoudJob",
        "--queue-class", "support.rq_functions.HastyQueue",
        "-S", "support.rq_functions.Backwards", "q",
    )  # fmt: skip

    assert job.return_value() == "LOUD"


def test_pickled_jobs_run_only_where_that_is_allowed(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue = queue_of(client, DefaultSerializer)
    refused = queue.enqueue(rq_functions.add, 1, 2)
    burst(services, server, "q")
    allowed = queue.enqueue(rq_functions.triple, (1, 2), meta={"when": object})
    burst(services, server, "q", JOBYARD_ALLOW_PICKLE="true")

    assert refused.get_status() == "failed"
    assert "JOBYARD_ALLOW_PICKLE" in error_of(refused)
    assert allowed.return_value() == (1, 2, 1, 2, 1, 2)


def test_functions_of_the_standard_library_do_not_run(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue, marker = queue_of(client), services.directory / "marker"
    code = f"open({str(marker)!r}, 'w')"
    names = ("eval", "builtins.eval", "subprocess.getoutput", "support.rq_functions.os.system")
    jobs = [queue.enqueue(name, code) for name in names]
    jobs.append(queue.enqueue(rq_functions.add, 1, 2, on_success=Callback("os.system")))

    burst(services, server, "q")

    assert [job.get_status().value for job in jobs] == ["failed"] * len(jobs)
    assert all("JOBYARD_RQ_FUNCTIONS" in error_of(job) for job in jobs)
    assert not marker.exists()


def test_our_own_command_runs_listed_functions_only(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue = queue_of(client)
    listed = queue.enqueue(rq_functions.add, 1, 2)
    other = queue.enqueue(rq_functions.pid)
    task = queue.enqueue("jobyard_worker.perform.perform", "echo", {"text": "hi"})
    pickled = queue_of(client, DefaultSerializer).enqueue(rq_functions.add, 1, 2)
    worker = services.start(
        "jobyard-worker",
        JOBYARD_QUEUES="q",
        JOBYARD_TASK_MODULES=MODULES,
        JOBYARD_RQ_FUNCTIONS="support.rq_functions.add",
    )

    for job in (listed, other, task, pickled):
        wait_for(partial(has_ended, job), SECONDS, worker.log)

    assert listed.return_value() == 3
    assert task.return_value() == {"text": "hi"}
    assert "JOBYARD_RQ_FUNCTIONS" in error_of(other)
    assert "JOBYARD_ALLOW_PICKLE" in error_of(pickled)


@pytest.mark.parametrize("executor", ["process", "asyncio"])
def test_every_executor_runs_jobs_of_plain_rq_code(
    services: Services, server: StoreServer, client: RawClient, executor: str
) -> None:
    job = queue_of(client).enqueue(rq_functions.add, 1, 2)

    burst(services, server, "q", JOBYARD_EXECUTOR=executor)

    assert job.return_value() == 3


def test_jobs_of_plain_rq_code_run_where_nothing_forks(
    services: Services, client: RawClient
) -> None:
    job = queue_of(client).enqueue(rq_functions.leak, "first")
    worker = start_worker(
        services, WITHOUT_FORK, JOBYARD_QUEUES="q", JOBYARD_RQ_FUNCTIONS="support.*"
    )

    wait_for(partial(has_ended, job), SECONDS, worker.log)

    assert job.return_value() == "", worker.log()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--disable-default-exception-handler"], "dead letter"),
        (["--log-format", "%(message)s"], "JOBYARD_LOG_FORMAT"),
        (["--job-monitoring-interval", "1"], "JOBYARD_LEASE_SECONDS"),
    ],
)
def test_an_option_that_would_not_be_honoured_is_refused_in_one_line(
    services: Services, server: StoreServer, option: list[str], reason: str
) -> None:
    worker = rq_worker(services, server, *option, "q")

    assert worker.wait(SECONDS) == 1
    assert worker.log().startswith(f"rq worker: {option[0]}")
    assert worker.log().count("\n") == 1
    assert reason in worker.log()


def test_a_second_worker_of_a_name_is_refused(services: Services, server: StoreServer) -> None:
    first = rq_worker(services, server, "--name", "twin", "q")
    first.wait_for_log("worker.started", SECONDS)

    second = rq_worker(services, server, "--name", "twin", "q")

    assert second.wait(SECONDS) == 1
    assert second.log().startswith("rq worker: --name twin:")
    assert first.is_running


def test_a_pool_of_rqs_command_line_works(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    jobs = [queue_of(client).enqueue(rq_functions.add, n, n) for n in range(4)]

    pool = services.start(
        "rq", "worker-pool", "-w", "jobyard_worker.Worker", "--url", server.url,
        "--burst", "-n", "2", "q",
    )  # fmt: skip

    assert pool.wait(SECONDS) == 0, pool.log()
    assert {job.get_status().value for job in jobs} == {"finished"}


def test_a_worker_of_rqs_own_is_found(services: Services, server: StoreServer, api: Any) -> None:
    stock = services.start("rq", "worker", "--url", server.url, "-S", "json", "q")
    scheduler = services.start("jobyard-scheduler")

    scheduler.wait_for_log("stock_worker.found", SECONDS)

    assert [worker["engine"] for worker in api.get("/v1/workers").json()["workers"]] == ["rq"]
    assert stock.is_running
