"""The message queue: submit and cancel tasks, list jobs by how far they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.orders import Order
from jobyard.queues import NAME_PATTERN
from jobyard.states import RQStatus, State
from jobyard_api.access import needs, note_target
from jobyard_api.answers import answer
from jobyard_api.body import StrictRoute
from jobyard_api.listing import Filter
from jobyard_api.models import Name
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, documented
from jobyard_api.routes.classic.lookup import in_rq_words, stored_job
from jobyard_api.routes.dependencies import ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import ADMISSION_CODES, BODY_CODES

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord
    from jobyard_api.principal import Principal
    from jobyard_api.yard import Yard

router = APIRouter(prefix="/app/tasks", tags=["classic"], route_class=StrictRoute)

Queue = Annotated[str | None, Query(pattern=NAME_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=200)]


class Received(BaseModel):
    """A task to run."""

    task: Annotated[str, Field(max_length=64)]
    payload: dict[str, Any] = Field(default_factory=dict)
    queue: Name | None = None


class Withdrawn(BaseModel):
    """A job to cancel."""

    job_id: str


class Status(BaseModel):
    """A job and RQ's word for its state."""

    job_id: str
    status: RQStatus


class JobSummaries(BaseModel):
    """Jobs in one state, newest first."""

    count: int
    jobs: list[dict[str, Any]]


@router.post(
    "/receive",
    operation_id="classic_receive",
    response_model=Status,
    responses=documented(
        *BODY_CODES, *ADMISSION_CODES, Code.UNKNOWN_TASK, Code.UNKNOWN_QUEUE, Code.INVALID_PAYLOAD
    ),
)
@needs(Scope.JOBS_WRITE, classic=True, audited=False)
async def receive(request: Received, yard: TheYard, principal: ThePrincipal) -> Response:
    """Submit a task."""
    order = Order(task=request.task, payload=request.payload, queue=request.queue)
    placed = await yard.place(order, principal.tenant)
    return answer({"job_id": placed.id, "status": RQStatus.QUEUED})


@router.post(
    "/cancel",
    operation_id="classic_cancel",
    response_model=Status,
    responses=documented(*BODY_CODES, Code.JOB_NOT_FOUND, Code.JOB_ENDED),
)
@needs(Scope.JOBS_WRITE, classic=True)
async def cancel(
    asked: Request, request: Withdrawn, yard: TheYard, principal: ThePrincipal
) -> Response:
    """Cancel a job: one that waits will not start, one that runs is asked to stop."""
    note_target(asked.scope, request.job_id)
    await stored_job(yard, request.job_id, principal)
    try:
        await yard.cancel(request.job_id, principal.tenant)
    except RefusalError as refusal:
        raise await _with_status(yard, request.job_id, principal, refusal) from None
    return answer({"job_id": request.job_id, "status": RQStatus.CANCELED})


@router.get(
    "/queued_jobs",
    operation_id="classic_queued_jobs",
    response_model=JobSummaries,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ, classic=True)
async def queued_jobs(
    yard: TheYard, principal: ThePrincipal, queue: Queue = None, limit: Limit = 100
) -> Response:
    """List jobs that wait."""
    return await _jobs(
        yard, Filter(queue, frozenset({State.QUEUED}), owner=principal.tenant), limit
    )


@router.get(
    "/cancelled_jobs",
    operation_id="classic_cancelled_jobs",
    response_model=JobSummaries,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ, classic=True)
async def cancelled_jobs(
    yard: TheYard, principal: ThePrincipal, queue: Queue = None, limit: Limit = 100
) -> Response:
    """List jobs that were cancelled."""
    return await _jobs(
        yard, Filter(queue, frozenset({State.CANCELED}), owner=principal.tenant), limit
    )


@router.get(
    "/finished_jobs",
    operation_id="classic_finished_jobs",
    response_model=JobSummaries,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ, classic=True)
async def finished_jobs(
    yard: TheYard, principal: ThePrincipal, queue: Queue = None, limit: Limit = 100
) -> Response:
    """List jobs that succeeded."""
    return await _jobs(
        yard, Filter(queue, frozenset({State.SUCCEEDED}), owner=principal.tenant), limit
    )


@router.get(
    "/failed_jobs",
    operation_id="classic_failed_jobs",
    response_model=JobSummaries,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ, classic=True)
async def failed_jobs(
    yard: TheYard, principal: ThePrincipal, queue: Queue = None, limit: Limit = 100
) -> Response:
    """List jobs that failed."""
    return await _jobs(
        yard, Filter(queue, frozenset({State.FAILED}), owner=principal.tenant), limit
    )


async def _jobs(yard: Yard, wanted: Filter, limit: int) -> Response:
    found = await yard.list_jobs(wanted, None, limit)
    jobs = [_summary(record) for record in found.jobs]
    return answer({"count": len(jobs), "jobs": jobs})


def _summary(record: JobRecord) -> dict[str, Any]:
    return {
        **in_rq_words(record),
        "task": record.task,
        "queue": record.queue,
        "created_at": record.created_at,
    }


async def _with_status(
    yard: Yard, job_id: str, principal: Principal, refusal: RefusalError
) -> RefusalError:
    """The refusal to cancel, with RQ's word for how the job ended."""
    record = await stored_job(yard, job_id, principal)
    refusal.members["job_status"] = str(record.status)
    return refusal
