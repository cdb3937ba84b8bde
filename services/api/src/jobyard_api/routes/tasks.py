"""``/v1/tasks``: the catalogue, with each payload's JSON Schema."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.errors import UnknownTaskError
from jobyard_api import models
from jobyard_api.answers import answer, task_of
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


@router.get("", operation_id="list_tasks", response_model=models.TaskList, responses=documented())
async def list_tasks(yard: TheYard) -> Response:
    """List all tasks that a process has published, by name."""
    return answer({"tasks": [task_of(record) for record in yard.catalogue.tasks()]})


@router.get(
    "/{name}",
    operation_id="get_task",
    response_model=models.Task,
    responses=documented(Code.TASK_NOT_FOUND),
)
async def get_task(name: str, yard: TheYard) -> Response:
    """Read one task: its defaults and the JSON Schema of its payload."""
    try:
        return answer(task_of(await yard.task(name)))
    except UnknownTaskError as error:
        raise RefusalError(Code.TASK_NOT_FOUND, str(error)) from None
