"""``/v1/queues``: how much waits, runs and has ended; pause, resume, purge."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.access import needs
from jobyard_api.answers import answer, queue_of
from jobyard_api.body import StrictRoute
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import BODY_CODES

router = APIRouter(prefix="/v1/queues", tags=["queues"], route_class=StrictRoute)

QueueName = Annotated[str, Path(description="Name of a queue, as GET /v1/queues lists it")]


@router.get("", operation_id="list_queues", response_model=models.QueueList, responses=documented())
@needs(Scope.JOBS_READ)
async def list_queues(yard: TheYard, principal: ThePrincipal) -> Response:
    """List all queues by name: how much waits, and for how long.

    Queues are shared by all tenants. A tenant's key is shown what waits; how much runs and has
    ended is for operators.
    """
    found = [queue_of(info, principal.tenant) for info in await yard.oversight.queues()]
    return answer({"queues": found})


@router.get(
    "/{queue}",
    operation_id="get_queue",
    response_model=models.Queue,
    responses=documented(Code.QUEUE_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def get_queue(queue: QueueName, yard: TheYard, principal: ThePrincipal) -> Response:
    """Read one queue."""
    return answer(queue_of(await yard.oversight.queue(queue), principal.tenant))


@router.post(
    "/{queue}/pause",
    operation_id="pause_queue",
    response_model=models.Queue,
    responses=documented(Code.QUEUE_NOT_FOUND),
)
@needs(Scope.QUEUES_ADMIN, operator=True)
async def pause_queue(queue: QueueName, yard: TheYard, principal: ThePrincipal) -> Response:
    """Pause a queue: no job of it starts any more. What runs finishes; jobs may still come in."""
    return answer(queue_of(await yard.oversight.pause(queue), principal.tenant))


@router.post(
    "/{queue}/resume",
    operation_id="resume_queue",
    response_model=models.Queue,
    responses=documented(Code.QUEUE_NOT_FOUND),
)
@needs(Scope.QUEUES_ADMIN, operator=True)
async def resume_queue(queue: QueueName, yard: TheYard, principal: ThePrincipal) -> Response:
    """Resume a queue: its jobs start again, at once."""
    return answer(queue_of(await yard.oversight.resume(queue), principal.tenant))


@router.post(
    "/{queue}/purge",
    operation_id="purge_queue",
    response_model=models.Purge,
    responses=documented(*BODY_CODES, Code.QUEUE_NOT_FOUND),
)
@needs(Scope.QUEUES_ADMIN, operator=True)
async def purge_queue(queue: QueueName, request: models.PurgeRequest, yard: TheYard) -> Response:
    """Cancel all jobs that wait in a queue, and on request those that are delayed.

    Asked twice: `confirm` must be the queue's name. Jobs that come in meanwhile are kept. One
    request takes some 10 000 jobs; while the answer says `more`, send it again.
    """
    done = await yard.oversight.purge(queue, request.confirm, request.states)
    return answer({"queue": queue, "canceled": done.canceled, "more": done.more})
