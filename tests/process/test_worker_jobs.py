"""What becomes of one job: results, errors, retries, cancels, timeouts, children."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.ids import new_id
from jobyard.retry import RetryPolicy
from jobyard.states import State
from jobyard.store import calls
from support.builders import build_submission
from support.jobs import MODULES, ended, submit
from support.waiting import wait_for
from support.workers import EXECUTORS, WITHOUT_FORK, start_worker

if TYPE_CHECKING:
    import redis

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services


@pytest.fixture
def worker(services: Services, request: pytest.FixtureRequest) -> Service:
    """With threads, or of the kind that a test names."""
    return start_worker(services, getattr(request, "param", "thread"))


also_without_fork = pytest.mark.parametrize("worker", ["thread", WITHOUT_FORK], indirect=True)
in_each_executor = pytest.mark.parametrize("worker", EXECUTORS, indirect=True)


@also_without_fork
def test_a_result_is_stored_as_json(worker: Service, store: Store) -> None:
    job_id = submit(store, "add", {"a": 2, "b": 3})

    job = ended(store, job_id)

    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, 5, 1)


@also_without_fork
def test_an_async_task_runs(worker: Service, store: Store) -> None:
    job_id = submit(store, "async_sleeper", {"seconds": 0.01})

    assert ended(store, job_id).result == pytest.approx(0.01)


@also_without_fork
def test_a_failure_keeps_type_message_and_traceback(worker: Service, store: Store) -> None:
    job_id = submit(store, "failer", {"message": "oh"})

    job = ended(store, job_id)

    assert job.state is State.FAILED
    assert job.error is not None
    assert (job.error.type, job.error.message) == ("RuntimeError", "oh")
    assert "ledger_tasks.py" in job.error.traceback


@also_without_fork
def test_retries_end_with_the_attempt_that_succeeds(
    services: Services, worker: Service, store: Store
) -> None:
    services.start("jobyard-scheduler")
    retry = RetryPolicy.fixed(0.01, 0.01).to_json()

    job_id = submit(store, "flaky", {"failures": 2}, retry=retry)

    job = ended(store, job_id)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, 3, 3)


@pytest.mark.parametrize("task", ["asks_again", "asks_again_isolated"])
def test_a_task_says_itself_when_it_is_tried_again(
    worker: Service, store: Store, task: str
) -> None:
    retry = RetryPolicy.fixed(3600, 3600, give_up_on=[Exception]).to_json()

    job = ended(store, submit(store, task, retry=retry))

    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, 3, 3)
    assert [one.attempt for one in job.history] == [3, 2, 1]
    assert job.history[2].error is not None
    assert job.history[2].error.message == "not yet"


@pytest.mark.parametrize("task", ["failer", "isolated_failer"])
def test_an_error_of_a_class_that_is_given_up_on_is_final(
    worker: Service, store: Store, task: str
) -> None:
    retry = RetryPolicy.fixed(3600, give_up_on=[Exception]).to_json()

    job = ended(store, submit(store, task, retry=retry))

    assert (job.state, job.attempts) == (State.FAILED, 1)


def test_the_time_that_a_job_waited_counts_towards_its_total(
    services: Services, store: Store, client: redis.Redis
) -> None:
    retry = RetryPolicy.fixed(0, total_seconds=3000).to_json()
    fresh, old = (submit(store, "failer", retry=retry) for _ in range(2))
    client.hset(store.keys.job(old), "created_at", "2020-01-01T00:00:00.000000Z")

    services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES)

    assert [ended(store, job).attempts for job in (fresh, old)] == [2, 1]


@pytest.mark.parametrize("task", ["enqueuer", "enqueuer_isolated"])
def test_what_a_job_enqueued_runs_after_its_success_and_only_then(
    worker: Service, store: Store, task: str
) -> None:
    parent = ended(store, submit(store, task))
    failed = ended(store, submit(store, task, {"fail": True}))

    follow_up = ended(store, parent.result)
    assert (follow_up.state, follow_up.result, follow_up.tags) == (
        State.SUCCEEDED, 5, ("follow-up",),
    )  # fmt: skip
    assert failed.error is not None
    assert failed.error.type == "ValueError"
    assert store.run(calls.read(failed.error.message)) is None


@pytest.mark.parametrize(
    ("task", "payload", "type_", "words"),
    [
        ("nowhere", {}, "UnknownTaskError", "nowhere"),
        ("add", {"a": "many", "b": 1}, "InvalidPayloadError", "/a"),
        ("unstorable", {}, "ResultNotStorableError", "Return dicts"),
        ("surrogate_error", {}, "ValueError", "surrogate"),
        ("leave", {}, "SystemExit", "not from a task"),
    ],
)
def test_what_cannot_end_well_is_a_dead_letter(  # noqa: PLR0917 - fixtures and one case
    worker: Service, store: Store, task: str, payload: dict[str, Any], type_: str, words: str
) -> None:
    job_id = submit(store, task, payload)

    job = ended(store, job_id)

    assert job.state is State.FAILED
    assert job.error is not None
    assert type_ in job.error.type
    assert words in job.error.message


def test_hopeless_failures_spend_no_retries(worker: Service, store: Store) -> None:
    job_id = submit(store, "unstorable", retry=RetryPolicy.fixed(0.01).to_json())

    job = ended(store, job_id)

    assert (job.state, job.attempts) == (State.FAILED, 1)


def test_a_record_that_is_not_ours_fails_and_the_worker_goes_on(
    worker: Service, store: Store, client: redis.Redis
) -> None:
    foreign = new_id()
    store.run(calls.submit([build_submission(id=foreign, delay_seconds=60)]))
    client.hset(store.keys.job(foreign), mapping={"data": b"\x80\x05pickled", "status": "queued"})
    client.zrem(store.keys.registry("scheduled", "default"), foreign)
    client.rpush(store.keys.queue("default"), foreign)

    failed, fine = ended(store, foreign), ended(store, submit(store, "add", {"a": 1, "b": 1}))

    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "pickled" in failed.error.message
    assert fine.result == 2


def test_the_last_progress_is_stored(worker: Service, store: Store) -> None:
    job_id = submit(store, "report_often", {"times": 2000})

    assert ended(store, job_id).progress == 1999


@also_without_fork
def test_a_running_job_that_looks_is_canceled(
    worker: Service, store: Store, ledger: Ledger
) -> None:
    job_id = submit(store, "polite_sleeper", {"seconds": 60})
    wait_for(lambda: job_id in ledger.started())

    store.run(calls.cancel([job_id]))

    assert ended(store, job_id).state is State.CANCELED


def test_a_task_that_finishes_in_spite_of_a_cancel_has_succeeded(
    worker: Service, store: Store, ledger: Ledger
) -> None:
    job_id = submit(store, "sleeper", {"seconds": 1.5})
    wait_for(lambda: job_id in ledger.started())

    store.run(calls.cancel([job_id]))

    running = store.run(calls.read(job_id))
    assert running is not None
    assert running.state is State.CANCELING
    assert ended(store, job_id).state is State.SUCCEEDED


@also_without_fork
def test_a_task_that_looks_ends_at_its_timeout(worker: Service, store: Store) -> None:
    job_id = submit(store, "polite_sleeper", {"seconds": 60}, timeout_seconds=1)

    job = ended(store, job_id)

    assert job.state is State.FAILED
    assert job.error is not None
    assert "JobTimeoutError" in job.error.type


@also_without_fork
def test_an_isolated_task_runs_in_a_process_of_its_own(worker: Service, store: Store) -> None:
    here, apart = submit(store, "return_pid"), submit(store, "return_pid_isolated")

    assert ended(store, here).result == worker.pid
    assert ended(store, apart).result not in {worker.pid, os.getpid()}


@pytest.mark.parametrize("worker", [WITHOUT_FORK], indirect=True)
def test_without_fork_nothing_that_runs_a_task_can_fork(worker: Service, store: Store) -> None:
    here, apart = submit(store, "can_fork"), submit(store, "can_fork_isolated")

    assert ended(store, here).result is False
    assert ended(store, apart).result is False


def test_an_isolated_task_may_print_report_and_leave_lines(worker: Service, store: Store) -> None:
    job = ended(store, submit(store, "isolated_journal", {"line": "hello"}))

    assert (job.state, job.result, job.progress) == (State.SUCCEEDED, "hello", {"half": True})
    assert store.run(calls.journal("isolated")) == ["hello"]


def test_an_error_in_the_child_is_the_error_of_the_job(worker: Service, store: Store) -> None:
    job = ended(store, submit(store, "isolated_failer"))

    assert job.error is not None
    assert (job.error.type, job.error.message) == ("ValueError", "failed in the child")


@also_without_fork
def test_an_isolated_task_is_killed_at_its_timeout(worker: Service, store: Store) -> None:
    job = ended(store, submit(store, "isolated_sleeper", {"seconds": 60}, timeout_seconds=2))

    assert job.state is State.FAILED
    assert job.error is not None
    assert "JobTimeoutError" in job.error.type


def test_an_isolated_task_is_killed_on_cancel(
    worker: Service, store: Store, ledger: Ledger
) -> None:
    job_id = submit(store, "isolated_sleeper", {"seconds": 60})
    wait_for(lambda: job_id in ledger.started())

    store.run(calls.cancel([job_id]))

    assert ended(store, job_id).state is State.CANCELED
    wait_for(lambda: len(worker.children()) == 1)  # the keeper


def test_a_child_that_dies_spends_the_crash_budget_and_no_attempt(
    services: Services, store: Store, ledger: Ledger
) -> None:
    services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES, JOBYARD_CRASH_BUDGET=2)

    job_id = submit(store, "isolated_crasher")

    job = ended(store, job_id)
    assert (job.state, job.crashes, job.attempts) == (State.FAILED, 2, 0)
    assert job.error is not None
    assert "SIGKILL" in job.error.message
    assert len(ledger.runs()[job_id]) == 2


def test_a_poison_pill_takes_one_worker_and_then_only_its_own_child(
    services: Services, store: Store, ledger: Ledger
) -> None:
    first = services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES)
    neighbour = submit(store, "sleeper", {"seconds": 30})
    wait_for(lambda: neighbour in ledger.started())

    pill = submit(store, "crasher")
    first.wait()
    second = services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES)

    job = ended(store, pill)
    assert (job.state, job.crashes) == (State.FAILED, 3)
    assert second.is_running
    wait_for(lambda: len(ledger.runs()[neighbour]) == 2)


def test_a_high_queue_is_served_before_a_low_one(
    services: Services, store: Store, ledger: Ledger
) -> None:
    for label, queue in (("l1", "low"), ("l2", "low"), ("h1", "high"), ("h2", "high")):
        submit(store, "order", {"label": label}, queue=queue)

    services.start(
        "jobyard-worker",
        JOBYARD_TASK_MODULES=MODULES,
        JOBYARD_CONCURRENCY=1,
        JOBYARD_QUEUES="high,low",
    )

    wait_for(lambda: len(ledger.entries()) == 4)
    assert [entry.token for entry in ledger.entries()] == ["h1", "h2", "l1", "l2"]


@in_each_executor
def test_many_quick_jobs_run_once_each(worker: Service, store: Store, ledger: Ledger) -> None:
    ids = [new_id() for _ in range(1000)]
    for at in range(0, len(ids), calls.BATCH):
        jobs = [build_submission(id=job_id) for job_id in ids[at : at + calls.BATCH]]
        store.run(calls.submit(jobs))

    wait_for(lambda: len(ledger.ended()) == len(ids), 30)

    assert all(len(runs) == 1 for runs in ledger.runs().values())


def test_a_worker_serves_the_queues_of_its_tasks_where_no_setting_names_any(
    worker: Service, store: Store
) -> None:
    job_id = submit(store, "queued_elsewhere", queue="elsewhere")

    assert ended(store, job_id).result == "found"
    [info] = store.run(calls.workers())
    assert info.queues == ("high", "default", "low", "notifications", "elsewhere")


def test_a_worker_serves_only_the_queues_that_a_setting_names(
    services: Services, store: Store
) -> None:
    services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES, JOBYARD_QUEUES="default")
    job_id = submit(store, "add", {"a": 2, "b": 3})

    ended(store, job_id)

    [info] = store.run(calls.workers())
    assert info.queues == ("default",)
