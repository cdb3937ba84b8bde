"""``/sign-in``: a person signs in once, with a key, and the browser keeps a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from jobyard_api import access_models as models
from jobyard_api.access import GuardedRoute, needs, public
from jobyard_api.access.same_origin import came_from_elsewhere, cross_site
from jobyard_api.access.sessions import clear_cookies, session_in, set_cookies
from jobyard_api.answers import answer
from jobyard_api.pages import sign_in_page
from jobyard_api.problems import documented
from jobyard_api.routes.dependencies import TheAdministration, ThePrincipal  # noqa: TC001

if TYPE_CHECKING:
    from jobyard_api.access import Access

HOME = "/rq"

router = APIRouter(tags=["access"], route_class=GuardedRoute)


@router.get("/sign-in", include_in_schema=False)
@public
async def sign_in_form(next: str = HOME) -> HTMLResponse:  # noqa: A002 - the word of such links
    """The form."""
    return sign_in_page(_within(next))


@router.post("/sign-in", include_in_schema=False)
@public
async def sign_in(request: Request, administration: TheAdministration) -> Response:
    """Takes a key and hands out a session."""
    if came_from_elsewhere(dict(request.scope["headers"])):
        raise cross_site("Another site's page sent this.")
    form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    key, page = form.get("key", [""])[0].strip(), _within(form.get("next", [HOME])[0])
    access: Access = request.app.state.access
    found = await access.keyring.key(key)
    if found is None:
        access.audit.note_refused(request.scope, "a key at the sign-in page")
        return sign_in_page(page, "This key is not valid: mistyped, revoked or expired.", 401)
    session = await administration.open_session(request.scope, found.principal, key)
    response = RedirectResponse(page, 303)
    set_cookies(response, request.scope, session)
    return response


@router.post("/sign-out", include_in_schema=False)
@needs(audited=False)
async def sign_out(
    request: Request, administration: TheAdministration, principal: ThePrincipal
) -> Response:
    """Ends the session of the cookie; pages send this with the token of the session."""
    session = session_in(request.headers.get("cookie"))
    if session is not None and principal.csrf:
        await administration.close_session(request.scope, principal, session)
    response = Response(status_code=204)
    clear_cookies(response, request.scope)
    return response


@router.get(
    "/sign-in/session",
    operation_id="get_session",
    response_model=models.SessionInfo,
    responses=documented(),
)
@needs()
async def get_session(principal: ThePrincipal) -> Response:
    """Read who the key or the cookie of this request belongs to."""
    info = models.SessionInfo(
        name=principal.name,
        tenant=principal.tenant,
        scopes=sorted(principal.scopes),
        signed_in=bool(principal.csrf),
    )
    return answer(info)


def _within(page: str) -> str:
    """A path of this API; anything that a browser could take for another site is the dashboard."""
    is_ours = page.startswith("/") and page[1:2] not in {"/", "\\"} and page.isprintable()
    return page if is_ours else HOME
