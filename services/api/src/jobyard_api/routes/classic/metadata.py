"""Metadata-stamped submission, and the one status route that both old systems shared."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.errors import UnknownTaskError
from jobyard.orders import Order
from jobyard.states import RQStatus
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer
from jobyard_api.idempotency import once
from jobyard_api.models import Name
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError, documented
from jobyard_api.routes.classic.lookup import Withheld, in_rq_words, stored_job
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.withholding import note_of

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord
    from jobyard_api.principal import Principal
    from jobyard_api.yard import Placed, Yard

TAGS = ("api", "v1")
TIMEOUT_SECONDS = 900
RESULT_TTL_SECONDS = 3_600
FAILURE_TTL_SECONDS = 86_400

router = APIRouter(tags=["classic"], route_class=GuardedRoute)


class StampedRequest(BaseModel):
    """A task to run; ``request_id`` makes repeats of the request harmless."""

    task: Annotated[str, Field(max_length=64)]
    payload: dict[str, Any] = Field(default_factory=dict)
    queue: Name | None = None
    request_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Receipt(BaseModel):
    """The job that was submitted, and when."""

    job_id: str
    status: RQStatus
    submitted_at: datetime


class StampedJob(BaseModel):
    """A job with what its submission stamped on it."""

    job_id: str
    status: RQStatus
    meta: dict[str, Any]
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    result: Any
    exc_info: str | None
    withheld: bool | None = Withheld


async def submit_stamped(request: StampedRequest, yard: Yard, principal: Principal) -> Response:
    """Submit a task; its job carries the metadata of the request."""
    owner = principal.tenant
    order = _order(request, owner)
    placed = await _place(yard, order, owner)
    if placed.replayed:
        return answer(_receipt(await stored_job(yard, placed.id, principal)))
    submitted_at = order.meta["submitted_at"]
    return answer({"job_id": order.id, "status": RQStatus.QUEUED, "submitted_at": submitted_at})


@router.get(
    "/job-status/{job_id}",
    operation_id="classic_job_status",
    response_model=StampedJob,
    responses=documented(Code.JOB_NOT_FOUND),
)
@needs(Scope.JOBS_READ, classic=True)
async def job_status(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read a job in RQ's words; ``result`` once finished, ``exc_info`` once failed."""
    record = await stored_job(yard, job_id, principal)
    result = record.result if record.status is RQStatus.FINISHED else None
    shown = {"meta": record.meta, "result": result, "exc_info": _exc_info(record)}
    if not principal.may(Scope.PAYLOADS_READ):
        shown["exc_info"] = None
    return answer({**in_rq_words(record), **shown, **note_of(principal)})


def _order(request: StampedRequest, owner: str | None) -> Order:
    job_id = f"JOB-{uuid.uuid4()}"
    submitted_at = datetime.now(UTC).isoformat()
    return Order(
        id=job_id,
        task=request.task,
        payload=request.payload,
        queue=request.queue,
        timeout_seconds=TIMEOUT_SECONDS,
        result_ttl_seconds=RESULT_TTL_SECONDS,
        failure_ttl_seconds=FAILURE_TTL_SECONDS,
        tags=TAGS,
        description=f"{request.task} submitted at {submitted_at}",
        idempotency=once(owner, "submit-job", request.request_id, request),
        meta={
            "job_id": job_id,
            "submitted_at": submitted_at,
            "payload": request.payload,
            "task_name": request.task,
            "tags": list(TAGS),
        },
    )


async def _place(yard: Yard, order: Order, owner: str | None) -> Placed:
    try:
        return await yard.place(order, owner)
    except UnknownTaskError:
        detail = f"Unknown task: {order.task}"
        raise RefusalError(Code.CLASSIC_UNKNOWN_TASK, detail) from None
    except RefusalError as refusal:
        if refusal.code is Code.IDEMPOTENCY_CONFLICT:
            refusal.errors = (FieldError(pointer="/request_id", detail=str(refusal.detail)),)
        raise


def _receipt(record: JobRecord) -> dict[str, Any]:
    return {
        "job_id": record.id,
        "status": record.status,
        "submitted_at": record.meta.get("submitted_at"),
    }


def _exc_info(record: JobRecord) -> str | None:
    if record.status is not RQStatus.FAILED or record.error is None:
        return None
    return record.error.traceback or f"{record.error.type}: {record.error.message}"
