"""``/v1/jobs/{id}/result``: how a job ended, as soon as it has."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.states import TERMINAL
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer
from jobyard_api.outcome import Outcome
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import JobId, ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.waits import Wait  # noqa: TC001
from jobyard_api.withholding import note_of, seen_by

AGAIN_SECONDS = 1

router = APIRouter(tags=["jobs"], route_class=GuardedRoute)


@router.get(
    "/v1/jobs/{job_id}/result",
    operation_id="get_result",
    response_model=Outcome,
    responses={
        200: {"description": "The job has ended; `state` says how"},
        202: {"model": Outcome, "description": "Not yet; ask again after `Retry-After` seconds"},
        **documented(Code.JOB_NOT_FOUND, Code.INVALID_REQUEST),
    },
)
@needs(Scope.JOBS_READ)
async def get_result(
    job_id: JobId, yard: TheYard, principal: ThePrincipal, wait: Wait = None
) -> Response:
    """Read how a job ended, or wait for that."""
    record = await yard.following.ended(job_id, principal.tenant, float(wait or 0))
    shown = Outcome.model_validate(seen_by(record, principal)).model_copy(update=note_of(principal))
    if record.state in TERMINAL:
        return answer(shown)
    return answer(shown, HTTPStatus.ACCEPTED, {"Retry-After": str(AGAIN_SECONDS)})
