"""RQ's own classes and command line say the same of every job as our API, in every state."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import Worker

from jobyard.states import rq_status, state_of
from support.processes import SCRIPTS
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    import redis

    from support.processes import Services
    from support.servers import StoreServer

pytestmark = pytest.mark.both_engines


def test_rq_agrees_on_every_state(
    services: Services, server: StoreServer, rq_connection: redis.Redis
) -> None:
    worker = services.start("jobyard-worker", JOBYARD_QUEUES="busy", JOBYARD_CONCURRENCY=1)
    with Rest(services) as rest:
        rest.wait_for_task("polite_sleeper")
        done = rest.submit("add", queue="busy", payload={"a": 2, "b": 3})
        failed = rest.submit("fail", queue="busy")
        retried = rest.submit("fail", queue="busy", retry={"delays_seconds": [3600]})
        for job, state in ((done, "succeeded"), (failed, "failed"), (retried, "retrying")):
            wait_for(partial(is_in, rest, job["id"], state), 20)
        running = rest.submit("sleep", queue="busy", payload={"seconds": 600})
        wait_for(lambda: rest.job(running["id"])["state"] == "running", 20)
        queued = rest.submit("echo", queue="busy")
        scheduled = rest.submit("echo", queue="busy", delay_seconds=3600)
        canceled = rest.submit("echo", queue="busy")
        rest.http.post(f"/v1/jobs/{canceled['id']}/cancel").raise_for_status()

        jobs = [done, failed, retried, running, queued, scheduled, canceled]
        ours = {job["id"]: rest.job(job["id"]) for job in jobs}
        theirs = {job["id"]: fetch(job["id"], rq_connection) for job in jobs}

        assert [ours[job["id"]]["state"] for job in jobs] == [
            "succeeded", "failed", "retrying", "running", "queued", "scheduled", "canceled",
        ]  # fmt: skip
        for job_id, seen in theirs.items():
            assert agrees(seen, ours[job_id]), (job_id, seen.get_status(), ours[job_id]["state"])
        assert theirs[done["id"]].return_value() == 5
        result = theirs[failed["id"]].latest_result()
        assert result is not None
        assert "RuntimeError" in (result.exc_string or "")

        queue = Queue("busy", connection=rq_connection, serializer=JSONSerializer)
        assert queue.job_ids == [queued["id"]]
        assert set(queue.scheduled_job_registry.get_job_ids()) == {retried["id"], scheduled["id"]}
        assert queue.started_job_registry.get_job_ids(cleanup=False) == [running["id"]]
        assert queue.finished_job_registry.get_job_ids(cleanup=False) == [done["id"]]
        assert queue.failed_job_registry.get_job_ids(cleanup=False) == [failed["id"]]
        assert queue.canceled_job_registry.get_job_ids(cleanup=False) == [canceled["id"]]
        info = rq_info(server)
        assert "busy" in info
        assert "1 workers, " in info
        wait_for(lambda: worker_states(rq_connection) == ["busy"])
    worker.term()
    rest.http.close()


def is_in(rest: Rest, job_id: str, state: str) -> bool:
    return bool(rest.job(job_id)["state"] == state)


def worker_states(connection: redis.Redis) -> list[str]:
    workers = Worker.all(connection=connection, serializer=JSONSerializer)
    return [worker.get_state() for worker in workers]


def fetch(job_id: str, connection: redis.Redis) -> Job:
    return Job.fetch(job_id, connection=connection, serializer=JSONSerializer)


def agrees(theirs: Job, ours: dict[str, Any]) -> bool:
    status = rq_status(theirs.get_status())
    assert status is not None
    state: str = ours["state"]
    return state_of(status, attempts=ours["attempts"], cancel=False) == state


def rq_info(server: StoreServer) -> str:
    command = [str(SCRIPTS / "rq"), "info", "--raw", "--url", server.url]
    human = [str(SCRIPTS / "rq"), "info", "--url", server.url]
    raw = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return raw + subprocess.run(human, capture_output=True, text=True, check=True).stdout
