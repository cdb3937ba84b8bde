"""Priority jobs with back-off, and the one ``POST /submit-job`` of two old systems."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Discriminator, EmailStr, StringConstraints, Tag
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.orders import Order
from jobyard.states import TERMINAL, State
from jobyard_api.access import needs
from jobyard_api.answers import answer
from jobyard_api.body import StrictRoute
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import UNION_TAG, documented
from jobyard_api.routes.classic.lookup import Withheld, stored_job
from jobyard_api.routes.classic.metadata import Receipt, StampedRequest, submit_stamped
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import ADMISSION_CODES, BODY_CODES
from jobyard_api.withholding import note_of

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord
    from jobyard_api.yard import Yard

router = APIRouter(tags=["classic"], route_class=StrictRoute)

_WORDS = {
    State.RUNNING: "processing",
    State.CANCELING: "processing",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELED: "failed",
    State.EXPIRED: "failed",
}


class Mail(BaseModel):
    """An e-mail."""

    to: EmailStr
    subject: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\r\n]*$")]
    body: str


class PriorityRequest(BaseModel):
    """A job of a known type; ``high`` ones run before all ``low`` ones."""

    job_type: Literal["send_email"]
    priority: Literal["high", "low"]
    payload: Mail


def _shape(body: Any) -> str | None:
    """Which of the two old systems the body is meant for."""
    if not isinstance(body, dict) or ("task" in body) == ("job_type" in body):
        return None
    return f"{UNION_TAG}stamped" if "task" in body else f"{UNION_TAG}priority"


SubmitRequest = Annotated[
    Annotated[StampedRequest, Tag(f"{UNION_TAG}stamped")]
    | Annotated[PriorityRequest, Tag(f"{UNION_TAG}priority")],
    Discriminator(
        _shape,
        custom_error_type="one_shape",
        custom_error_message="give either 'task' or 'job_type', not both",
    ),
]


class PriorityReceipt(BaseModel):
    """The job that was submitted."""

    job_id: str
    status: Literal["pending"]


class PriorityJob(BaseModel):
    """A priority job and how far it came; times are RFC 3339 in UTC."""

    job_id: str
    job_type: str
    priority: str
    payload: Any
    status: Literal["pending", "processing", "completed", "failed"]
    retry_count: int
    created_ts: datetime | None
    picked_ts: datetime | None
    completed_ts: datetime | None
    available_after: datetime | None
    withheld: bool | None = Withheld


@router.post(
    "/submit-job",
    operation_id="classic_submit_job",
    response_model=Receipt,
    responses={
        201: {"model": PriorityReceipt, "description": "A priority job was submitted"},
        **documented(
            *BODY_CODES,
            *ADMISSION_CODES,
            Code.CLASSIC_UNKNOWN_TASK,
            Code.UNKNOWN_QUEUE,
            Code.INVALID_PAYLOAD,
            Code.IDEMPOTENCY_CONFLICT,
            Code.JOB_NOT_FOUND,
        ),
    },
)
@needs(Scope.JOBS_WRITE, classic=True, audited=False)
async def submit_job(request: SubmitRequest, yard: TheYard, principal: ThePrincipal) -> Response:
    """Submit a task with metadata (``task``), or a job with a priority (``job_type``)."""
    match request:
        case StampedRequest():
            return await submit_stamped(request, yard, principal)
        case PriorityRequest():
            return await _submit_priority(request, yard, principal.tenant)


@router.get(
    "/jobs/status/{job_id}",
    operation_id="classic_priority_status",
    response_model=PriorityJob,
    responses=documented(Code.JOB_NOT_FOUND),
)
@needs(Scope.JOBS_READ, classic=True)
async def priority_status(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read a job in the words of the priority system."""
    record = await stored_job(yard, job_id, principal)
    return answer({**_shown(record), **note_of(principal)})


async def _submit_priority(request: PriorityRequest, yard: Yard, owner: str | None) -> Response:
    order = Order(
        task=request.job_type, payload=request.payload.model_dump(), queue=request.priority
    )
    placed = await yard.place(order, owner)
    return answer({"job_id": placed.id, "status": "pending"}, HTTPStatus.CREATED)


def _shown(record: JobRecord) -> dict[str, Any]:
    ended = record.state in TERMINAL
    return {
        "job_id": record.id,
        "job_type": record.task,
        "priority": record.queue,
        "payload": record.payload,
        "status": _WORDS.get(record.state, "pending"),
        "retry_count": max(record.attempts - 1, 0) if ended else record.attempts,
        "created_ts": record.created_at,
        "picked_ts": record.started_at,
        "completed_ts": record.ended_at if ended else None,
        "available_after": record.scheduled_for,
    }
