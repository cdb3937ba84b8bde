"""``/v1/unreadable-records``: what stands where a job should, and cannot be read as one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import models
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer, unreadable_of
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheYard  # noqa: TC001

router = APIRouter(prefix="/v1/unreadable-records", tags=["jobs"], route_class=GuardedRoute)

PageToken = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,19}$", description="next_page_token of the page before")
]


@router.get(
    "",
    operation_id="list_unreadable_records",
    response_model=models.UnreadableRecordList,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.JOBS_READ, operator=True)
async def list_unreadable_records(yard: TheYard, page_token: PageToken = None) -> Response:
    """List what was put aside because it cannot be read, and why."""
    page = await yard.unreadable(int(page_token or 0))
    found = [unreadable_of(record) for record in page.records]
    return answer({"records": found, "next_page_token": str(page.next) if page.next else None})
