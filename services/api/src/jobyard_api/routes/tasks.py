"""``/v1/tasks``: the catalogue, with each payload's JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path
from pydantic_core import to_json
from starlette.responses import Response

from jobyard.errors import UnknownTaskError
from jobyard_api import models
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer, task_of
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

if TYPE_CHECKING:
    from jobyard.store.records.catalogue import PublishedTask
    from jobyard_api.yard import Yard

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=GuardedRoute)

TaskName = Annotated[str, Path(description="Name of a task, as GET /v1/tasks lists it")]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaResponse(Response):
    """A JSON Schema, as its own media type (draft-bhutton-json-schema-01, section 14)."""

    media_type = "application/schema+json"


_SCHEMA = {
    "description": "JSON Schema 2020-12",
    "content": {SchemaResponse.media_type: {"schema": {"type": "object"}}},
}


@router.get("", operation_id="list_tasks", response_model=models.TaskList, responses=documented())
@needs(Scope.JOBS_READ)
async def list_tasks(yard: TheYard) -> Response:
    """List all tasks that a process has published, by name."""
    found = [task_of(task.published) for task in yard.catalogue.tasks()]
    return answer({"tasks": found})


@router.get(
    "/{name}",
    operation_id="get_task",
    response_model=models.Task,
    responses=documented(Code.TASK_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def get_task(name: TaskName, yard: TheYard) -> Response:
    """Read one task: its defaults, its versions and the JSON Schema of its payload."""
    return answer(task_of(await _task(yard, name)))


@router.get(
    "/{name}/schema",
    operation_id="get_task_schema",
    response_class=SchemaResponse,
    responses={200: _SCHEMA, **documented(Code.TASK_NOT_FOUND)},
)
@needs(Scope.JOBS_READ)
async def get_task_schema(name: TaskName, yard: TheYard) -> Response:
    """Read the JSON Schema (2020-12) of a task's payload, alone: for validators and editors."""
    task = await _task(yard, name)
    return SchemaResponse(to_json({"$schema": DIALECT, **task.record.schema}))


async def _task(yard: Yard, name: str) -> PublishedTask:
    try:
        return await yard.task(name)
    except UnknownTaskError as error:
        raise RefusalError(Code.TASK_NOT_FOUND, str(error)) from None
