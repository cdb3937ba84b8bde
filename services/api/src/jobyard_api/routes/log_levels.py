"""``/v1/log-levels``: how much the services log, for a while, without a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from jobyard.observability.log_level import Service
from jobyard_api import log_level_models as models
from jobyard_api.access import needs
from jobyard_api.answers import answer
from jobyard_api.body import StrictRoute
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheAdministration, ThePrincipal  # noqa: TC001
from jobyard_api.routes.jobs import BODY_CODES

if TYPE_CHECKING:
    from jobyard.observability.log_level import AskedLevel

router = APIRouter(prefix="/v1/log-levels", tags=["operation"], route_class=StrictRoute)

ServiceName = Annotated[Service, Path(description="api, worker or scheduler")]


@router.get(
    "",
    operation_id="list_log_levels",
    response_model=models.LogLevelList,
    responses=documented(),
)
@needs(Scope.WORKERS_ADMIN, operator=True)
async def list_log_levels(administration: TheAdministration) -> Response:
    """List the services with the level that each is asked for; null where it is the configured."""
    asked = await administration.log_levels()
    return answer({"log_levels": [_shown(service, level) for service, level in asked.items()]})


@router.put(
    "/{service}",
    operation_id="set_log_level",
    response_model=models.LogLevel,
    responses=documented(*BODY_CODES),
)
@needs(Scope.WORKERS_ADMIN, operator=True, audited=False)
async def set_log_level(
    asked: Request,
    service: ServiceName,
    request: models.LogLevelRequest,
    administration: TheAdministration,
    principal: ThePrincipal,
) -> Response:
    """Change what a service logs. Within two seconds all its processes do, until the time is over.

    Processes that start meanwhile do too, and jobs that run now.
    """
    await administration.set_log_level(
        asked.scope, principal, service, request.level, request.seconds
    )
    return answer(_shown(service, (await administration.log_levels())[service]))


@router.delete(
    "/{service}",
    operation_id="reset_log_level",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.WORKERS_ADMIN, operator=True, audited=False)
async def reset_log_level(
    asked: Request,
    service: ServiceName,
    administration: TheAdministration,
    principal: ThePrincipal,
) -> Response:
    """Let a service log from its configured level again."""
    await administration.set_log_level(asked.scope, principal, service, None)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _shown(service: Service, asked: AskedLevel | None) -> dict[str, Any]:
    if asked is None:
        return {"service": service, "level": None, "until": None}
    until = datetime.now(UTC) + timedelta(seconds=asked.seconds)
    return {"service": service, "level": asked.level, "until": until}
