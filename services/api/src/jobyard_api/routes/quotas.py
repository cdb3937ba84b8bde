"""``/v1/quotas``: what tenants may use."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.queues import NAME_PATTERN
from jobyard.store.access_records import Quotas
from jobyard_api import access_models as models
from jobyard_api.access import needs
from jobyard_api.answers import answer
from jobyard_api.body import StrictRoute
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheAdministration, ThePrincipal  # noqa: TC001
from jobyard_api.routes.jobs import BODY_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(prefix="/v1/quotas", tags=["access"], route_class=StrictRoute)

PageSize = Annotated[int, Query(ge=1, le=200, description="Tenants on one page")]
PageToken = Annotated[
    str | None, Query(pattern=NAME_PATTERN, description="next_page_token of the page before")
]
Tenant = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a tenant")]


@router.get(
    "",
    operation_id="list_quotas",
    response_model=models.TenantQuotasList,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.KEYS_ADMIN, operator=True)
async def list_quotas(
    administration: TheAdministration,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Response:
    """List the tenants that have quotas, by name."""
    page = await administration.tenants(page_token, page_size)
    found = [_shown(tenant, asdict(quotas)) for tenant, quotas in page.tenants]
    return answer({"tenants": found, "next_page_token": page.next})


@router.get(
    "/{tenant}",
    operation_id="get_quotas",
    response_model=models.TenantQuotas,
    responses=documented(Code.INVALID_REQUEST, Code.TENANT_NOT_FOUND),
)
@needs(Scope.JOBS_READ)
async def get_quotas(
    tenant: Tenant, administration: TheAdministration, principal: ThePrincipal
) -> Response:
    """Read what a tenant may use; tenants ask for themselves."""
    return answer(_shown(tenant, asdict(await administration.quotas(principal, tenant))))


@router.put(
    "/{tenant}",
    operation_id="set_quotas",
    response_model=models.TenantQuotas,
    responses=documented(*BODY_CODES),
)
@needs(Scope.KEYS_ADMIN, operator=True, audited=False)
async def set_quotas(
    asked: Request,
    tenant: Tenant,
    request: models.QuotasRequest,
    administration: TheAdministration,
    principal: ThePrincipal,
) -> Response:
    """Replace what a tenant may use. Within two seconds every process goes by it."""
    quotas = Quotas(**request.model_dump())
    await administration.set_quotas(asked.scope, principal, tenant, quotas)
    return answer(_shown(tenant, asdict(quotas)))


def _shown(tenant: str, quotas: Mapping[str, Any]) -> dict[str, Any]:
    return {"tenant": tenant, **quotas}
