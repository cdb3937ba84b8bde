"""``/livez`` and ``/readyz``: for probes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.access import GuardedRoute, public
from jobyard_api.answers import answer
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

router = APIRouter(tags=["health"], route_class=GuardedRoute)


@router.get("/livez", operation_id="livez", response_model=models.Health)
@public
async def livez() -> Response:
    """Say that the process lives. Does not ask the store."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="readyz",
    response_model=models.Health,
    responses=documented(Code.SHUTTING_DOWN),
)
@public
async def readyz(request: Request, yard: TheYard) -> Response:
    """Say that requests can be served: the store answers, and the process stays. Else 503."""
    if request.app.state.drain.is_begun:
        raise RefusalError(Code.SHUTTING_DOWN, "This process was told to stop. Use another one.")
    await yard.ping()
    return answer({"status": "ok"})
