"""The endpoints that the API is measured beside, with its own models.

``plain`` does what is written in an afternoon: FastAPI and RQ's ``queue.enqueue``, in a thread of
FastAPI's pool or, as many do, on the event loop, which stands still meanwhile. ``empty`` does
nothing: it is what FastAPI itself costs.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import redis
from fastapi import FastAPI
from rq import Queue

from jobyard.states import State
from jobyard.store.data import PERFORM
from jobyard_api.models import Job, JobRequest
from jobyard_api.new_jobs import NEW_JOB

plain = FastAPI()
plain_async = FastAPI()
empty = FastAPI()
_queue = Queue("bench", connection=redis.Redis.from_url(os.environ["JOBYARD_REDIS_URL"]))


@plain.post("/v1/jobs", status_code=201)
def enqueue(request: JobRequest) -> Job:
    """Enqueues in a thread."""
    return _job(_queue.enqueue(PERFORM, request.task, request.payload).id, request)


@plain_async.post("/v1/jobs", status_code=201)
async def enqueue_on_loop(request: JobRequest) -> Job:
    """Enqueues on the event loop."""
    return _job(_queue.enqueue(PERFORM, request.task, request.payload).id, request)


@empty.post("/v1/jobs", status_code=201)
async def nothing(_: JobRequest) -> Job:
    """The same job, whatever is asked for."""
    return _NOTHING


def _job(job_id: str, request: JobRequest) -> Job:
    return Job(
        **{
            **NEW_JOB,
            "id": job_id,
            "task": request.task,
            "queue": "bench",
            "state": State.QUEUED,
            "payload": request.payload,
            "tags": request.tags,
            "created_at": datetime.now(UTC),
        }
    )


_NOTHING = _job("0190b8a1-5e3c-7b0a-9d55-2f6c1f0a4e11", JobRequest(task="add", payload={}))
