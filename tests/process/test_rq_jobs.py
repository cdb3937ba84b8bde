"""Jobs that plain RQ code enqueued, run by ``rq worker -w jobyard_worker.Worker``, as RQ has it."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from rq import Callback, Queue, Repeat, Retry
from rq.command import send_kill_horse_command, send_stop_job_command
from rq.exceptions import DuplicateJobError
from rq.group import Group
from rq.job import Dependency, Job, JobStatus
from rq.rate_limit import RateLimit, RateLimitRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from support import rq_functions
from support.ledger import LEDGER_VARIABLE, Ledger
from support.processes import Services, parent_of
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import RawClient, StoreServer

SECONDS = 30.0
"""Nothing here takes that long; a loaded machine may."""


@pytest.fixture(scope="module")
def rq_ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return Ledger(tmp_path_factory.mktemp("ledger") / "ledger")


@pytest.fixture(scope="module")
def worker(
    session_server: StoreServer, rq_ledger: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """One worker of RQ's command line for all tests here; none of them empties the store."""
    with session_server.client() as client:
        client.flushall()
    services = Services(
        tmp_path_factory.mktemp("rq"),
        {
            LEDGER_VARIABLE: str(rq_ledger.path),
            "JOBYARD_CONCURRENCY": "3",
            "JOBYARD_KILL_SECONDS": "0.5",
        },
    )
    services.start(
        "rq", "worker", "-w", "jobyard_worker.Worker", "--url", session_server.url,
        "--with-scheduler", "--exception-handler", "support.rq_functions.handle", "q", "other",
    )  # fmt: skip
    yield services
    services.end()


@pytest.fixture
def connection(worker: Services, session_server: StoreServer) -> Iterator[RawClient]:
    del worker
    with session_server.client() as client:
        client.delete(rq_functions.LOG)
        yield client


@pytest.fixture
def queue(connection: RawClient) -> Queue:
    return Queue("q", connection=connection, serializer=JSONSerializer)


def becomes(job: Job, status: str) -> Job:
    """``job``, read anew once it has that status."""
    wait_for(lambda: job.get_status() == status, SECONDS, lambda: _said(job))
    return Job.fetch(job.id, job.connection, job.serializer)


def _said(job: Job) -> str:
    latest = job.latest_result()
    return f"{job.get_status()}: {latest.exc_string if latest else 'no result'}"


def log_of(connection: RawClient) -> list[str]:
    return [line.decode() for line in connection.lrange(rq_functions.LOG, 0, -1)]


def error_of(job: Job) -> str:
    latest = job.latest_result()
    assert latest is not None
    return latest.exc_string or ""


def results_of(job: Job) -> str:
    return f"rq:results:{job.id}"


def started(job: Job, ledger: Ledger, runs: int = 1) -> None:
    wait_for(lambda: len(ledger.runs()[job.id]) >= runs, SECONDS, lambda: _said(job))


# ---------------------------------------------------------------- results


def test_a_function_runs_and_its_value_is_read_by_rq(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.add, 1, b=2), "finished")

    assert job.return_value() == 3
    assert job.started_at is not None
    assert job.ended_at is not None
    assert queue.finished_job_registry.get_job_ids(cleanup=False).count(job.id) == 1
    assert 0 < queue.connection.ttl(job.key) <= 500


def test_a_coroutine_function_runs(queue: Queue) -> None:
    assert becomes(queue.enqueue(rq_functions.add_later, 1, 2), "finished").return_value() == 3


def test_a_result_that_json_cannot_carry_is_replaced_by_rqs_text(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.unserializable), "finished")

    assert job.return_value() == "Unserializable return value"


def test_each_job_has_a_process_of_its_own(queue: Queue) -> None:
    first = becomes(queue.enqueue(rq_functions.leak, "first"), "finished")
    second = becomes(queue.enqueue(rq_functions.leak, "second"), "finished")

    assert (first.return_value(), second.return_value()) == ("", "")


def test_jobs_throw_dice_of_their_own(queue: Queue) -> None:
    jobs = [becomes(queue.enqueue(rq_functions.dice), "finished") for _ in range(2)]

    assert jobs[0].return_value() != jobs[1].return_value()


def test_a_result_ttl_of_zero_keeps_nothing(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.record, "done", result_ttl=0)

    wait_for(lambda: not Job.exists(job.id, queue.connection), SECONDS)
    assert log_of(queue.connection) == ["done"]
    assert not queue.connection.exists(results_of(job))


def test_ttls_of_the_job_hold(queue: Queue) -> None:
    kept = becomes(queue.enqueue(rq_functions.add, 1, 2, result_ttl=-1), "finished")
    failed = becomes(queue.enqueue(rq_functions.boom, failure_ttl=77), "failed")

    assert queue.connection.ttl(kept.key) == -1
    assert 0 < queue.connection.ttl(failed.key) <= 77
    assert 0 < queue.connection.ttl(results_of(failed)) <= 77


def test_meta_that_a_job_saves_stays(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.keep_meta, "hello", meta={"a": 1}), "finished")

    assert job.get_meta() == {"a": 1, "said": "hello"}


def test_a_failed_job_is_in_rqs_registry_and_can_be_requeued(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.fail_times, 1), "failed")
    assert "ValueError: not yet" in error_of(job)
    assert job.id in queue.failed_job_registry.get_job_ids(cleanup=False)

    job.requeue()

    assert becomes(job, "finished").return_value() == "at last"
    assert [result.type for result in job.results()] == [
        Result.Type.SUCCESSFUL, Result.Type.FAILED,
    ]  # fmt: skip


def test_a_long_history_of_results_is_cut_at_ten(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.fail_times, 11, retry=Retry(max=11))

    assert len(becomes(job, "finished").results()) == 10


# ---------------------------------------------------------------- time limits


def test_a_job_past_its_timeout_fails_with_rqs_exception(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.nap, 60, job_timeout=1), "failed")

    assert "JobTimeoutException" in error_of(job)


def test_a_job_that_swallows_its_timeout_is_killed(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.stubborn_nap, 300, job_timeout=1), "failed")

    assert "was killed" in error_of(job)


def test_a_timeout_of_minus_one_is_none(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.nap, 0.1, job_timeout=-1), "finished")

    assert job.return_value() == "rested"


# ---------------------------------------------------------------- retries


def test_a_retry_without_interval_comes_at_once(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.fail_times, 2, retry=Retry(max=3)), "finished")

    assert job.return_value() == "at last"
    assert job.retries_left == 1


def test_retries_wait_as_long_as_rq_says(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.fail_times, 9, retry=Retry(max=2, interval=[5, 1, 3600]))

    becomes(job, "scheduled")
    wait_for(lambda: Job.fetch(job.id, queue.connection, JSONSerializer).retries_left == 0, SECONDS)

    due = queue.scheduled_job_registry.get_scheduled_time(job)
    assert due.timestamp() - time.time() > 3000


def test_a_job_without_retries_left_fails(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.boom, retry=Retry(max=1)), "failed")

    assert job.retries_left == 0
    assert [result.type for result in job.results()] == [Result.Type.FAILED, Result.Type.RETRIED]


def test_a_returned_retry_runs_the_job_again(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.ask_again, 2), "finished")

    assert job.return_value() == "at last"
    assert job.number_of_retries == 2


def test_a_returned_retry_ends_when_its_max_is_reached(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.ask_for_ever, 1), "failed")

    latest = job.latest_result()
    assert latest is not None
    assert latest.type is Result.Type.MAX_RETRIES_EXCEEDED


# ---------------------------------------------------------------- callbacks


def test_a_success_callback_is_called_with_the_result(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.add, 1, 2, on_success=Callback(rq_functions.on_success))

    becomes(job, "finished")
    assert log_of(queue.connection) == [f"success {job.id} 3"]


def test_a_failure_callback_is_called_with_the_exception(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.boom, on_failure=Callback(rq_functions.on_failure))

    becomes(job, "failed")
    assert log_of(queue.connection)[0] == f"failure {job.id} ValueError boom"


def test_the_exception_handlers_of_the_command_line_are_called(queue: Queue) -> None:
    job = becomes(queue.enqueue(rq_functions.boom), "failed")

    assert log_of(queue.connection) == [f"handler {job.id} ValueError"]


def test_a_success_callback_that_fails_fails_the_job_as_in_rq(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.add, 1, 2, on_success=Callback(rq_functions.failing_callback))

    assert "the callback failed" in error_of(becomes(job, "failed"))


def test_a_callback_has_a_timeout_of_its_own(queue: Queue) -> None:
    callback = Callback(rq_functions.endless_callback, timeout=1)
    job = queue.enqueue(rq_functions.add, 1, 2, on_success=callback)

    assert "JobTimeoutException" in error_of(becomes(job, "failed"))


# ---------------------------------------------------------------- dependents


def test_a_dependent_runs_after_its_parent(queue: Queue) -> None:
    parent = queue.enqueue(rq_functions.record, "parent")
    other = Queue("other", connection=queue.connection, serializer=JSONSerializer)
    child = other.enqueue(rq_functions.record, "child", depends_on=parent)

    becomes(child, "finished")
    assert log_of(queue.connection) == ["parent", "child"]
    assert not other.deferred_job_registry.get_job_ids()


def test_a_dependent_waits_for_all_of_its_parents(queue: Queue) -> None:
    parents = [queue.enqueue(rq_functions.nap, seconds) for seconds in (0.05, 0.4)]
    child = queue.enqueue(rq_functions.record, "child", depends_on=parents)

    becomes(child, "finished")
    assert all(parent.get_status() == "finished" for parent in parents)


def test_a_dependent_of_a_failed_job_waits_unless_it_allows_failure(queue: Queue) -> None:
    parent = queue.enqueue(rq_functions.fail_times, 1)
    strict = queue.enqueue(rq_functions.record, "strict", depends_on=parent)
    lenient = queue.enqueue(
        rq_functions.record, "lenient", depends_on=Dependency([parent], allow_failure=True)
    )
    becomes(lenient, "finished")
    assert strict.get_status() == JobStatus.DEFERRED

    parent.requeue()

    becomes(strict, "finished")


# ---------------------------------------------------------------- groups, repeats, limits


def test_a_group_knows_its_jobs(queue: Queue) -> None:
    group = Group.create(connection=queue.connection)
    jobs = group.enqueue_many(
        queue, [Queue.prepare_data(rq_functions.add, (n, n)) for n in range(3)]
    )

    for job in jobs:
        becomes(job, "finished")
    assert {job.id for job in group.get_jobs()} == {job.id for job in jobs}


def test_a_job_repeats_as_often_as_it_asks(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.record, "tick", repeat=Repeat(times=2, interval=[0, 1]))

    job = becomes(job, "finished")
    assert log_of(queue.connection) == ["tick"] * 3
    assert [result.type for result in job.results()] == [Result.Type.SUCCESSFUL] * 3
    assert job.repeats_left == 0


def test_a_rate_limit_keeps_jobs_apart(queue: Queue, rq_ledger: Ledger) -> None:
    limit = RateLimit("one-at-a-time", 1)
    jobs = [queue.enqueue(rq_functions.nap, 0.05, rate_limit=limit) for _ in range(3)]
    failing = queue.enqueue(rq_functions.boom, rate_limit=limit)
    last = queue.enqueue(rq_functions.nap, 0.05, rate_limit=limit)

    becomes(failing, "failed")
    for job in (*jobs, last):
        becomes(job, "finished")
    runs = [rq_ledger.runs()[job.id][0] for job in (*jobs, last)]
    in_order = sorted(runs, key=lambda run: run.start.time_ns)
    for before, after in itertools.pairwise(in_order):
        assert before.end is not None
        assert before.end.time_ns <= after.start.time_ns
    assert RateLimitRegistry("one-at-a-time", queue.connection).get_allowed_job_ids() == []


def test_a_unique_job_is_refused_while_it_lives(queue: Queue) -> None:
    job = queue.enqueue(rq_functions.add, 1, 2, job_id="only-one", unique=True)

    becomes(job, "finished")
    with pytest.raises(DuplicateJobError):
        queue.enqueue(rq_functions.add, 1, 2, job_id="only-one", unique=True)


# ---------------------------------------------------------------- commands and deaths


def test_a_job_is_stopped_on_command(queue: Queue, rq_ledger: Ledger) -> None:
    callback = Callback(rq_functions.on_stopped)
    job = queue.enqueue(rq_functions.nap, 300, on_stopped=callback, retry=Retry(max=3))
    started(job, rq_ledger)

    send_stop_job_command(queue.connection, job.id, serializer=JSONSerializer)

    assert "Job stopped by user" in error_of(becomes(job, "stopped"))
    assert log_of(queue.connection) == [f"stopped {job.id}"]
    assert job.id in queue.failed_job_registry.get_job_ids(cleanup=False)


def test_a_killed_horse_fails_its_job(queue: Queue, rq_ledger: Ledger) -> None:
    job = queue.enqueue(rq_functions.nap, 300)
    started(job, rq_ledger)
    running = becomes(job, "started")
    assert running.worker_name

    send_kill_horse_command(queue.connection, running.worker_name)

    assert "kill-horse" in error_of(becomes(job, "failed"))


def test_a_job_whose_process_dies_is_a_dead_letter_after_its_crash_budget(
    queue: Queue, rq_ledger: Ledger
) -> None:
    job = becomes(queue.enqueue(rq_functions.die), "failed")

    assert "SIGKILL" in str(queue.connection.xrevrange(results_of(job), count=1))
    assert len(rq_ledger.runs()[job.id]) == 3


def test_the_death_of_the_stable_takes_no_job_along(queue: Queue, rq_ledger: Ledger) -> None:
    job = queue.enqueue(rq_functions.nap, 1)
    started(job, rq_ledger)
    horse = rq_ledger.runs()[job.id][0].start.pid

    os.kill(parent_of(horse), signal.SIGKILL)

    assert becomes(job, "finished").return_value() == "rested"
    assert len(rq_ledger.runs()[job.id]) == 2


# ---------------------------------------------------------------- webhooks


def test_webhooks_are_sent_once_the_outcome_is_stored(queue: Queue) -> None:
    seen: list[tuple[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            job_id = body.split('"job_id": "')[1].split('"')[0]
            status = Job.fetch(job_id, queue.connection, JSONSerializer).get_status()
            seen.append((self.path, status.value))
            self.send_response(204)
            self.end_headers()

        def log_message(  # type: ignore[explicit-override]  # typing.override comes with 3.12
            self, *_: Any
        ) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        hooks = [
            Webhook(f"{url}/done", "finished", method="POST"),
            Webhook(f"{url}/lost", "failed", method="POST"),
        ]
        queue.enqueue(rq_functions.add, 1, 2, webhooks=hooks)
        queue.enqueue(rq_functions.boom, webhooks=hooks)
        queue.enqueue(rq_functions.die, webhooks=hooks)
        wait_for(lambda: len(seen) == 3, SECONDS)
        server.shutdown()

    assert sorted(seen) == [("/done", "finished"), ("/lost", "failed"), ("/lost", "failed")]
