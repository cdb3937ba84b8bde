"""What routes are given: the core, and parameters that several of them take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Path, Request

from jobyard_api.access.administration import Administration
from jobyard_api.principal import NOBODY, Principal
from jobyard_api.yard import Yard

if TYPE_CHECKING:
    from jobyard_api.access import Access


async def the_yard(request: Request) -> Yard:
    """The core of this process."""
    yard: Yard = request.app.state.yard
    return yard


async def the_principal(request: Request) -> Principal:
    """Who sends the request, as the middleware found out."""
    principal: Principal = request.scope["state"].get("principal", NOBODY)
    return principal


async def the_administration(request: Request) -> Administration:
    """What may be done about keys, quotas, sessions and the audit log."""
    access: Access = request.app.state.access
    return access.administration


TheYard = Annotated[Yard, Depends(the_yard)]
TheAdministration = Annotated[Administration, Depends(the_administration)]
ThePrincipal = Annotated[Principal, Depends(the_principal)]
JobId = Annotated[str, Path(description="Id of a job: letters, digits, '_' and '-'")]
