"""``/v1/audit-events``: who did what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard_api import access_models as models
from jobyard_api.access import GuardedRoute, needs
from jobyard_api.answers import answer
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheAdministration, ThePrincipal  # noqa: TC001

if TYPE_CHECKING:
    from jobyard.store.access_records import AuditEvent

router = APIRouter(prefix="/v1/audit-events", tags=["access"], route_class=GuardedRoute)

PageSize = Annotated[int, Query(ge=1, le=200, description="Events on one page")]
PageToken = Annotated[
    str | None,
    Query(
        pattern=r"^[1-9][0-9]{0,14}-[0-9]{1,15}$", description="next_page_token of the page before"
    ),
]


@router.get(
    "",
    operation_id="list_audit_events",
    response_model=models.AuditEventList,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.AUDIT_READ)
async def list_audit_events(
    administration: TheAdministration,
    principal: ThePrincipal,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Response:
    """List what was changed and by whom, newest first; a tenant sees what its keys did."""
    page = await administration.audit_events(principal, page_token, page_size)
    found = [_shown(event) for event in page.events]
    return answer({"audit_events": found, "next_page_token": page.next})


def _shown(event: AuditEvent) -> dict[str, Any]:
    entry = {**asdict(event.entry), "tenant": event.entry.tenant or None}
    return {**entry, "id": event.place, "at": event.at}
