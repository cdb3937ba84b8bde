"""``/v1/jobs``: submit, read, list, cancel."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.access import needs
from jobyard_api.answers import JsonText, answer, attempt_of, job_of
from jobyard_api.batch import submit_batch
from jobyard_api.hot_routes import HotRoute
from jobyard_api.idempotency import IdempotencyKey, once
from jobyard_api.listing import filter_of, place_of, token_of
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.waits import Prefer, preferred
from jobyard_api.withholding import result_shown, seen_by, shown, text_shown

if TYPE_CHECKING:
    from jobyard_api.principal import Principal
    from jobyard_api.yard import Placed

BODY_CODES = (
    Code.MALFORMED_JSON,
    Code.REQUEST_TIMEOUT,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.UNSAFE_JSON,
    Code.INVALID_REQUEST,
)
ADMISSION_CODES = (Code.QUEUE_FULL, Code.TOO_MANY_WAITING)

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=HotRoute)


@router.post(
    "",
    operation_id="submit_job",
    status_code=HTTPStatus.CREATED,
    response_model=models.Job,
    responses={
        200: {
            "model": models.Job,
            "description": "The job that was there before",
        },
        **documented(
            *BODY_CODES,
            Code.UNKNOWN_TASK,
            Code.UNKNOWN_QUEUE,
            Code.INVALID_PAYLOAD,
            Code.PAYLOAD_TOO_LARGE,
            Code.IDEMPOTENCY_CONFLICT,
            Code.JOB_NOT_FOUND,
            Code.UNIQUE_CONFLICT,
            *ADMISSION_CODES,
        ),
    },
)
@needs(Scope.JOBS_WRITE, audited=False)
async def submit_job(
    request: models.JobRequest,
    yard: TheYard,
    principal: ThePrincipal,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response:
    """Submit a job. 201 means that it is stored."""
    owner = principal.tenant
    order = request.order(once(owner, "jobs", idempotency_key, request))
    placed = await yard.place(order, owner)
    if not (seconds := preferred(prefer)):
        return created(placed, principal)
    placed, waited = await yard.outcome(placed, owner, seconds)
    return created(placed, principal, waited)


@router.post(
    "/batch",
    operation_id="submit_jobs",
    status_code=HTTPStatus.MULTI_STATUS,
    response_model=models.BatchResponse,
    responses=documented(*BODY_CODES),
)
@needs(Scope.JOBS_WRITE, audited=False)
async def submit_jobs(
    request: models.BatchRequest,
    yard: TheYard,
    principal: ThePrincipal,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Submit up to 1 000 jobs; each is stored or refused by itself, or all or none of up to 100."""
    results = await submit_batch(yard, request, principal.tenant, idempotency_key)
    shown_results = [result_shown(result, principal) for result in results]
    return JsonText(b'{"results":[%s]}' % b",".join(shown_results), HTTPStatus.MULTI_STATUS)


@router.get(
    "",
    operation_id="list_jobs",
    response_model=models.JobList,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ)
async def list_jobs(
    yard: TheYard, principal: ThePrincipal, query: Annotated[models.JobQuery, Query()]
) -> Response:
    """List jobs, newest first, that fit all that is asked for."""
    wanted = filter_of(query, principal)
    page = await yard.list_jobs(wanted, place_of(query.page_token), query.page_size)
    found = [shown(job_of(record), principal) for record in page.jobs]
    return answer({"jobs": found, "next_page_token": token_of(page.next)})


@router.get(
    "/{job_id}",
    operation_id="get_job",
    response_model=models.Job,
    responses=documented(Code.JOB_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def get_job(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read a job with its result or error."""
    return answer(shown(job_of(await yard.job(job_id, principal.tenant)), principal))


@router.get(
    "/{job_id}/attempts",
    operation_id="list_attempts",
    response_model=models.AttemptList,
    responses=documented(Code.JOB_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def list_attempts(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """List the attempts of a job that have ended, newest first."""
    record = seen_by(await yard.job(job_id, principal.tenant), principal)
    return answer({"attempts": [attempt_of(attempt) for attempt in record.history]})


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    response_model=models.Job,
    responses=documented(Code.JOB_NOT_FOUND, Code.JOB_ENDED),
)
@needs(Scope.JOBS_WRITE)
async def cancel_job(job_id: JobId, yard: TheYard, principal: ThePrincipal) -> Response:
    """Cancel a job. One that waits will not start; one that runs is asked to stop."""
    return answer(shown(job_of(await yard.cancel(job_id, principal.tenant)), principal))


def created(placed: Placed, principal: Principal, waited: float | None = None) -> Response:
    """201 for a new job, 200 for one that was there before and stands for it.

    ``waited``: for how many seconds at most its end was waited for, which came in time.
    """
    headers = {"Location": f"/v1/jobs/{placed.id}"}
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited:.0f}"
    text = text_shown(placed.text, principal)
    if placed.replayed:
        return JsonText(text, HTTPStatus.OK, {**headers, "Idempotent-Replayed": "true"})
    status = HTTPStatus.OK if placed.existing else HTTPStatus.CREATED
    return JsonText(text, status, headers)
