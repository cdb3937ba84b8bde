"""``/rq``: the queue dashboard. It reads and shows; it offers no action and unpickles nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse  # noqa: TC002 - the framework reads it
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.queues import NAME_PATTERN
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer, queue_of, worker_of
from jobyard_api.dashboard import LAST_PAGE, PAGE_SIZE, StateName, page_filter, row_of
from jobyard_api.pages import static_page
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.withholding import note_of, seen_by

router = APIRouter(tags=["dashboard"], route_class=GuardedRoute)


@router.get("/rq", include_in_schema=False)
@router.get("/rq/", include_in_schema=False)
@needs(Scope.JOBS_READ, page=True)
async def dashboard() -> HTMLResponse:
    """The page itself."""
    return static_page("dashboard.html")


@router.get(
    "/rq/jobs/json", operation_id="dashboard_jobs", responses=documented(Code.INVALID_REQUEST)
)
@needs(Scope.JOBS_READ)
async def dashboard_jobs(
    yard: TheYard,
    principal: ThePrincipal,
    state: StateName = "all",
    queue_name: Annotated[str, Query(pattern=NAME_PATTERN)] = "all",
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
) -> Response:
    """One page of jobs, newest first, with RQ's status and ours."""
    wanted = page_filter(state, queue_name, principal.tenant)
    found = await yard.list_jobs(wanted, None, page * PAGE_SIZE + 1)
    rows = [
        row_of(seen_by(record, principal))
        for record in found.jobs[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    ]
    more = len(found.jobs) > page * PAGE_SIZE and page < LAST_PAGE
    return answer(
        {"jobs": rows, "page": page, "page_size": PAGE_SIZE, "has_next": more, **note_of(principal)}
    )


@router.get("/rq/queues/json", operation_id="dashboard_queues", responses=documented())
@needs(Scope.JOBS_READ)
async def dashboard_queues(yard: TheYard, principal: ThePrincipal) -> Response:
    """All queues with their depths."""
    found = [queue_of(info, principal.tenant) for info in await yard.oversight.queues()]
    return answer({"queues": found})


@router.get("/rq/workers/json", operation_id="dashboard_workers", responses=documented())
@needs(Scope.JOBS_READ)
async def dashboard_workers(yard: TheYard, principal: ThePrincipal) -> Response:
    """All workers."""
    found = await yard.oversight.workers(principal.tenant)
    return answer({"workers": [worker_of(info) for info in found]})
