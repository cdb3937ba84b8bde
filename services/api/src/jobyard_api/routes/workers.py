"""``/v1/workers``: who works."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.answers import answer, worker_of
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

router = APIRouter(prefix="/v1/workers", tags=["workers"])


@router.get(
    "", operation_id="list_workers", response_model=models.WorkerList, responses=documented()
)
async def list_workers(yard: TheYard) -> Response:
    """List all registered workers, by name."""
    return answer({"workers": [worker_of(info) for info in await yard.workers()]})
