"""The path of ``docs/migrating-from-rq.md``: from RQ's own worker to ours, and back again."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

from rq import Queue, Retry
from rq.serializers import DefaultSerializer, JSONSerializer

from jobyard.store import calls
from support import rq_functions
from support.jobs import MODULES, submit
from support.processes import SCRIPTS, clean_environment

if TYPE_CHECKING:
    from rq.job import Job

    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import RawClient, StoreServer

SECONDS = 30.0
OURS = ("-w", "jobyard_worker.Worker", "--with-scheduler")


def rq(services: Services, server: StoreServer, *arguments: str, **env: object) -> Service:
    return services.start("rq", arguments[0], "--url", server.url, *arguments[1:], **env)


def burst(services: Services, server: StoreServer, *arguments: str, **env: object) -> None:
    worker = rq(services, server, "worker", "--burst", *arguments, "q", **env)
    assert worker.wait(SECONDS) == 0, worker.log()


def statuses(*jobs: Job) -> list[str]:
    return [job.get_status().value for job in jobs]


def make_due(client: RawClient, queue: Queue) -> None:
    key = queue.scheduled_job_registry.key
    client.zadd(key, dict.fromkeys(client.zrange(key, 0, -1), 1))


def test_there_with_pickled_jobs_of_every_state(
    services: Services, server: StoreServer, client: RawClient
) -> None:
    queue = Queue("q", connection=client, serializer=DefaultSerializer)
    failed = queue.enqueue(rq_functions.fail_times, 1)
    retrying = queue.enqueue(rq_functions.fail_times, 1, retry=Retry(max=1, interval=60))
    finished = queue.enqueue(rq_functions.add, 1, 2)
    burst(services, server)
    waiting = queue.enqueue(rq_functions.add, (1,), (2,))
    delayed = queue.enqueue_in(timedelta(hours=1), rq_functions.add, 3, 4)
    dependent = queue.enqueue(rq_functions.add, 5, 6, depends_on=[failed, delayed])
    assert statuses(failed, retrying, finished, waiting, delayed, dependent) == [
        "failed", "scheduled", "finished", "queued", "scheduled", "deferred",
    ]  # fmt: skip

    make_due(client, queue)
    requeue(server, "--all", "--queue", "q")
    burst(services, server, *OURS, JOBYARD_ALLOW_PICKLE="true")

    assert statuses(failed, retrying, waiting, delayed, dependent) == ["finished"] * 5
    assert waiting.return_value() == (1, 2)
    assert finished.return_value() == 3


def test_back_with_jobs_of_ours_and_of_plain_rq_code(
    services: Services, server: StoreServer, client: RawClient, store: Store
) -> None:
    queue = Queue("q", connection=client, serializer=JSONSerializer)
    failed = queue.enqueue(rq_functions.fail_times, 1)
    retrying = queue.enqueue(rq_functions.fail_times, 1, retry=Retry(max=1, interval=60))
    burst(services, server, *OURS)
    waiting = queue.enqueue(rq_functions.add, 1, 2)
    dependent = queue.enqueue(rq_functions.add, 3, 4, depends_on=failed)
    task = submit(store, "echo", {"text": "hi"}, queue="q")
    assert statuses(failed, retrying, waiting, dependent) == [
        "failed", "scheduled", "queued", "deferred",
    ]  # fmt: skip
    assert not client.keys("rq:wip:*")

    make_due(client, queue)
    requeue(server, "--all", "--queue", "q", "-S", "json")
    burst(services, server, "--with-scheduler", "-S", "json", JOBYARD_TASK_MODULES=MODULES)

    assert statuses(failed, retrying, waiting, dependent) == ["finished"] * 4
    record = store.run(calls.read(task))
    assert record is not None
    assert record.result == {"text": "hi"}


def requeue(server: StoreServer, *arguments: str) -> None:
    subprocess.run(
        [str(SCRIPTS / "rq"), "requeue", "--url", server.url, *arguments],
        check=True,
        capture_output=True,
        env=clean_environment(),
    )
