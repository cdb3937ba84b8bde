"""``/v1/queues``: how much waits, runs and has ended."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.answers import answer, queue_of
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

router = APIRouter(prefix="/v1/queues", tags=["queues"])


@router.get("", operation_id="list_queues", response_model=models.QueueList, responses=documented())
async def list_queues(yard: TheYard) -> Response:
    """List all queues with their depths, by name."""
    return answer({"queues": [queue_of(info) for info in await yard.queues()]})
