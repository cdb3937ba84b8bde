"""``/v1/jobs/{id}``: delete, retry, reschedule."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from jobyard_api import models
from jobyard_api.access import needs
from jobyard_api.answers import answer, job_of
from jobyard_api.body import StrictRoute
from jobyard_api.moves import RescheduleRequest  # noqa: TC001 - the framework reads it
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import BODY_CODES
from jobyard_api.withholding import shown

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)


@router.delete(
    "/{job_id}",
    operation_id="delete_job",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(Code.JOB_NOT_FOUND, Code.JOB_RUNNING),
)
@needs(Scope.JOBS_WRITE)
async def delete_job(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Forget a job that has ended; cancel and forget one that waits."""
    await yard.moves.delete(job_id, principal.tenant)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/{job_id}/retry",
    operation_id="retry_job",
    response_model=models.Job,
    responses=documented(
        Code.JOB_NOT_FOUND,
        Code.JOB_RUNNING,
        Code.JOB_WAITING,
        Code.JOB_ENDED,
        Code.UNIQUE_CONFLICT,
    ),
)
@needs(Scope.JOBS_WRITE)
async def retry_job(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Queue a job anew that failed or was cancelled. Its attempts begin again."""
    return answer(shown(job_of(await yard.moves.retry(job_id, principal.tenant)), principal))


@router.post(
    "/{job_id}/reschedule",
    operation_id="reschedule_job",
    response_model=models.Job,
    responses=documented(
        *BODY_CODES, Code.JOB_NOT_FOUND, Code.JOB_RUNNING, Code.JOB_WAITING, Code.JOB_ENDED
    ),
)
@needs(Scope.JOBS_WRITE)
async def reschedule_job(
    job_id: JobId, request: RescheduleRequest, yard: TheYard, principal: ThePrincipal
) -> Response:
    """Give a job that waits, for its turn or its time, another time."""
    moved = await yard.moves.reschedule(job_id, principal.tenant, request)
    return answer(shown(job_of(moved), principal))
