"""Jobs through the store, without the API: submitted by task and payload, awaited to their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobyard.ids import new_id
from jobyard.states import TERMINAL
from jobyard.store import calls
from support.builders import build_submission
from support.ledger import TASK_MODULE
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store import Store
    from jobyard.store.records.job import JobRecord

MODULES = f"{TASK_MODULE},support.worker_tasks"
"""``JOBYARD_TASK_MODULES`` of the worker's own tests."""


def submit(store: Store, task: str, payload: dict[str, Any] | None = None, **options: Any) -> str:
    """Submits one job; returns its id."""
    job_id = new_id()
    text = json.dumps(payload or {}).encode()
    store.run(calls.submit([build_submission(id=job_id, task=task, payload=text, **options)]))
    return job_id


def ended(store: Store, job_id: str, seconds: float = 60.0) -> JobRecord:
    """The job, once it is in a terminal state."""

    def look() -> JobRecord | None:
        job = store.run(calls.read(job_id))
        return job if job is not None and job.state in TERMINAL else None

    return wait_for(look, seconds, lambda: str(store.run(calls.read(job_id))))
