"""How the classic routes find a job, say that there is none, and show it in RQ's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError
from jobyard_api.withholding import seen_by

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord
    from jobyard_api.principal import Principal
    from jobyard_api.yard import Yard

Withheld = Field(
    None, description="true where the key does not have the scope payloads:read: null, then"
)


async def stored_job(yard: Yard, job_id: str, principal: Principal) -> JobRecord:
    """One job as its reader may see it, whichever route submitted it.

    Raises:
        RefusalError: There is none; the words are those of the old systems.
    """
    record = await yard.find(job_id, principal.tenant)
    if record is None:
        raise RefusalError(Code.JOB_NOT_FOUND, "Job not found")
    return seen_by(record, principal)


def in_rq_words(record: JobRecord) -> dict[str, Any]:
    """What every status of the old systems shows: RQ's word for the state, and RQ's times."""
    return {
        "job_id": record.id,
        "status": record.status,
        "enqueued_at": record.enqueued_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
    }
