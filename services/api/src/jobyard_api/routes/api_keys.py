"""``/v1/api-keys``: make, list and revoke keys."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

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
    from jobyard.store.access_records import KeyRecord

router = APIRouter(prefix="/v1/api-keys", tags=["access"], route_class=StrictRoute)

KeyId = Annotated[str, Path(description="Public id of a key, the part between its underscores")]
PageSize = Annotated[int, Query(ge=1, le=200, description="Keys on one page")]
PageToken = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,19}$", description="next_page_token of the page before")
]


@router.post(
    "",
    operation_id="create_api_key",
    status_code=HTTPStatus.CREATED,
    response_model=models.NewApiKey,
    responses=documented(*BODY_CODES, Code.BEYOND_OWN_SCOPES),
)
@needs(Scope.KEYS_ADMIN, audited=False)
async def create_api_key(
    asked: Request,
    request: models.ApiKeyRequest,
    administration: TheAdministration,
    principal: ThePrincipal,
) -> Response:
    """Make a key. The answer shows it this once; the store keeps only its SHA-256."""
    record, key = await administration.create_key(
        asked.scope,
        principal,
        name=request.name,
        tenant=request.tenant,
        scopes=request.scopes,
        expires_at=request.expires_at,
    )
    headers = {"Location": f"/v1/api-keys/{key.id}", "Cache-Control": "no-store"}
    return answer({**shown(record), "key": key.text}, HTTPStatus.CREATED, headers)


@router.get(
    "",
    operation_id="list_api_keys",
    response_model=models.ApiKeyList,
    responses=documented(Code.INVALID_REQUEST),
)
@needs(Scope.KEYS_ADMIN)
async def list_api_keys(
    administration: TheAdministration,
    principal: ThePrincipal,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Response:
    """List keys, newest first, without their secrets."""
    page = await administration.keys(principal, page_token, page_size)
    keys = [shown(record) for record in page.keys]
    return answer({"api_keys": keys, "next_page_token": page.next})


@router.get(
    "/{key_id}",
    operation_id="get_api_key",
    response_model=models.ApiKey,
    responses=documented(Code.KEY_NOT_FOUND),
)
@needs(Scope.KEYS_ADMIN)
async def get_api_key(
    key_id: KeyId, administration: TheAdministration, principal: ThePrincipal
) -> Response:
    """Read one key without its secret."""
    return answer(shown(await administration.key(principal, key_id)))


@router.delete(
    "/{key_id}",
    operation_id="revoke_api_key",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(Code.KEY_NOT_FOUND),
)
@needs(Scope.KEYS_ADMIN, audited=False)
async def revoke_api_key(
    asked: Request, key_id: KeyId, administration: TheAdministration, principal: ThePrincipal
) -> Response:
    """Revoke a key. Within two seconds no process takes it any more."""
    await administration.revoke_key(asked.scope, principal, key_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def shown(record: KeyRecord) -> dict[str, Any]:
    """A key as it is listed."""
    fields = asdict(record)
    del fields["digest"]
    return {**fields, "tenant": record.tenant or None}
