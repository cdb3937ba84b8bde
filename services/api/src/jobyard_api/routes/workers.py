"""``/v1/workers``: who works on what; drain."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer, worker_of
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import ThePrincipal, TheYard  # noqa: TC001

router = APIRouter(prefix="/v1/workers", tags=["workers"], route_class=GuardedRoute)

WorkerName = Annotated[str, Path(description="Name of a worker, as GET /v1/workers lists it")]


@router.get(
    "", operation_id="list_workers", response_model=models.WorkerList, responses=documented()
)
@needs(Scope.JOBS_READ)
async def list_workers(yard: TheYard, principal: ThePrincipal) -> Response:
    """List all registered workers by name, with the jobs that they work on.

    A tenant's key is shown its own jobs only.
    """
    found = await yard.oversight.workers(principal.tenant)
    return answer({"workers": [worker_of(info) for info in found]})


@router.get(
    "/{worker}",
    operation_id="get_worker",
    response_model=models.Worker,
    responses=documented(Code.WORKER_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def get_worker(worker: WorkerName, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read one worker, with the jobs that it works on."""
    return answer(worker_of(await yard.oversight.worker(worker, principal.tenant)))


@router.post(
    "/{worker}/drain",
    operation_id="drain_worker",
    response_model=models.Worker,
    responses=documented(Code.WORKER_NOT_FOUND),
)
@needs(Scope.WORKERS_ADMIN, operator=True)
async def drain_worker(worker: WorkerName, yard: TheYard, principal: ThePrincipal) -> Response:
    """Drain a worker: it claims no more, finishes what runs and leaves, as on SIGTERM.

    It hears of it within about a second, and has its grace period to finish. What runs the
    process (Kubernetes, systemd) may start a new one, which works as usual.
    """
    return answer(worker_of(await yard.oversight.drain(worker, principal.tenant)))
