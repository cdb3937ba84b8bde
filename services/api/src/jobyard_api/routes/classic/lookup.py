"""How the classic routes find a job, say that there is none, and show it in RQ's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from jobyard.store.records import JobRecord
    from jobyard_api.yard import Yard


async def stored_job(yard: Yard, job_id: str, owner: str | None) -> JobRecord:
    """One job of the owner, whichever route submitted it.

    Raises:
        RefusalError: There is none; the words are those of the old systems.
    """
    record = await yard.find(job_id, owner)
    if record is None:
        raise RefusalError(Code.JOB_NOT_FOUND, "Job not found")
    return record


def in_rq_words(record: JobRecord) -> dict[str, Any]:
    """What every status of the old systems shows: RQ's word for the state, and RQ's times."""
    return {
        "job_id": record.id,
        "status": record.status,
        "enqueued_at": record.enqueued_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
    }
