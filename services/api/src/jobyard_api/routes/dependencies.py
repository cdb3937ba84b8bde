"""What routes are given: the core, and parameters that several of them take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from jobyard_api.principal import ANYBODY, Principal
from jobyard_api.yard import Yard


async def the_yard(request: Request) -> Yard:
    """The core of this process."""
    yard: Yard = request.app.state.yard
    return yard


async def the_principal(request: Request) -> Principal:
    """Who sends the request, as the middleware found out."""
    principal: Principal = request.scope.get("state", {}).get("principal", ANYBODY)
    return principal


TheYard = Annotated[Yard, Depends(the_yard)]
ThePrincipal = Annotated[Principal, Depends(the_principal)]
JobId = Annotated[str, Path(description="Id of a job: letters, digits, '_' and '-'")]
