"""A worker as Kubernetes runs it: what its pod costs, and jobs that may run only so long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from jobyard.states import State
from support import rq_functions
from support.jobs import ended, submit
from support.kube_api import KubeApi
from support.waiting import wait_for
from support.workers import start_worker

if TYPE_CHECKING:
    from pathlib import Path

    from jobyard.store import Store
    from support.processes import Services
    from support.servers import RawClient


@pytest.mark.slow
def test_a_pod_costs_more_while_it_runs_a_long_job(
    services: Services, store: Store, tmp_path: Path
) -> None:
    with KubeApi(tmp_path) as api:
        start_worker(
            services,
            JOBYARD_DELETION_COST="true",
            JOBYARD_SERVICE_ACCOUNT=api.credentials,
            KUBERNETES_SERVICE_HOST="127.0.0.1",
            KUBERNETES_SERVICE_PORT=api.port,
            POD_NAME="worker-7",
            POD_NAMESPACE="jobs",
        )
        job_id = submit(store, "sleeper", {"seconds": 13})

        assert ended(store, job_id).state is State.SUCCEEDED
        wait_for(lambda: len(api.costs) == 3)

    first, busy, last = api.costs
    assert (first, last) == (0, 0)
    assert 20 <= busy < 40
    assert {patch.path for patch in api.patches} == {"/api/v1/namespaces/jobs/pods/worker-7"}


@pytest.mark.parametrize(
    ("kind", "task"),
    [("process", "sleeper"), ("thread", "async_sleeper"), ("asyncio", "async_sleeper")],
)
def test_no_job_runs_longer_than_the_pool_allows(
    services: Services, store: Store, kind: str, task: str
) -> None:
    worker = start_worker(services, kind, JOBYARD_MAX_JOB_SECONDS=1)

    job = ended(store, submit(store, task, {"seconds": 600}, timeout_seconds=900))

    assert job.state is State.FAILED
    assert job.error is not None
    assert "timeout of 1 s" in job.error.message
    assert '"job.timeout_capped"' in worker.log()


def test_a_shorter_timeout_than_the_pools_stays(services: Services, store: Store) -> None:
    worker = start_worker(services, "process", JOBYARD_MAX_JOB_SECONDS=600)

    job = ended(store, submit(store, "sleeper", {"seconds": 600}, timeout_seconds=1))

    assert job.error is not None
    assert "timeout of 1 s" in job.error.message
    assert "job.timeout_capped" not in worker.log()


def test_jobs_of_plain_rq_code_are_held_to_it_too(
    services: Services, rq_connection: RawClient
) -> None:
    start_worker(services, JOBYARD_MAX_JOB_SECONDS=1, JOBYARD_RQ_FUNCTIONS="support.*")
    queue = Queue("default", connection=rq_connection, serializer=JSONSerializer)

    job = queue.enqueue(rq_functions.nap, 600, job_timeout=900)

    wait_for(lambda: job.get_status() == "failed", 60)
