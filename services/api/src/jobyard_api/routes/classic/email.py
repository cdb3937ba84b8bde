"""The e-mail queue: a GET that queues an e-mail, and the status of its job."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, EmailStr
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.orders import Order
from jobyard.states import RQStatus
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.classic.lookup import Withheld, in_rq_words, stored_job
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import ADMISSION_CODES
from jobyard_api.withholding import note_of

router = APIRouter(tags=["classic"], route_class=GuardedRoute)

# A GET that acts must not be answered from a cache.
_NOT_CACHED = {"Cache-Control": "no-store"}


class EmailQueued(BaseModel):
    """The job that was submitted."""

    message: str
    job_id: str


class EmailJob(BaseModel):
    """An e-mail job and how far it came."""

    job_id: str
    status: RQStatus
    result: Any
    attempts: int
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    withheld: bool | None = Withheld


@router.get(
    "/send-email/{email}",
    operation_id="classic_send_email",
    response_model=EmailQueued,
    responses=documented(Code.INVALID_REQUEST, Code.UNKNOWN_TASK, *ADMISSION_CODES),
)
@needs(Scope.JOBS_WRITE, classic=True, acts=True, audited=False)
async def send_email(
    email: Annotated[EmailStr, Path()], yard: TheYard, principal: ThePrincipal
) -> Response:
    """Queue an e-mail. New clients use ``POST /v1/jobs`` with the task ``send_fake_email``."""
    order = Order(task="send_fake_email", payload={"email": email})
    placed = await yard.place(order, principal.tenant)
    message = "Email sending task has been queued."
    return answer({"message": message, "job_id": placed.id}, headers=_NOT_CACHED)


@router.get(
    "/job/{job_id}/status",
    operation_id="classic_email_status",
    response_model=EmailJob,
    responses=documented(Code.JOB_NOT_FOUND),
)
@needs(Scope.JOBS_READ, classic=True)
async def email_status(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read a job in RQ's words."""
    record = await stored_job(yard, job_id, principal)
    shown = {"result": record.result, "attempts": record.attempts}
    return answer({**in_rq_words(record), **shown, **note_of(principal)})
