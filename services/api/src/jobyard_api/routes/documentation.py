"""``/docs``, ``/redoc`` and the pages that problems point to. Everything is served from here."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from typing_extensions import override

from jobyard_api.access import GuardedRoute, needs, public
from jobyard_api.pages import READER_POLICY, error_index, error_page, static_page
from jobyard_api.problem_types import PROBLEM_TYPES, Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

router = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, route_class=GuardedRoute
)


class WholeFiles(StaticFiles):
    """Files that are sent whole: a range that does not fit would be answered as plain text."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, as if it named no range (RFC 9110, section 14.2, allows that)."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def mount(app: FastAPI) -> None:
    """Serves our own files, and Swagger UI and ReDoc as ``fastapi-offline`` bundles them."""
    app.mount("/static", WholeFiles(directory=str(files("jobyard_api") / "static")))
    app.mount("/docs/assets", WholeFiles(directory=str(files("fastapi_offline") / "static")))


@router.get("/docs")
@needs(page=True)
async def docs() -> HTMLResponse:
    """Swagger UI."""
    return static_page("docs.html", READER_POLICY)


@router.get("/redoc")
@needs(page=True)
async def redoc() -> HTMLResponse:
    """ReDoc."""
    return static_page("redoc.html", READER_POLICY)


@router.get("/openapi.json")
@needs()
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs/errors")
@public
async def errors() -> HTMLResponse:
    """All kinds of errors."""
    return error_index(PROBLEM_TYPES.values())


@router.get("/docs/errors/{code}")
@public
async def error(code: str) -> HTMLResponse:
    """One kind of error."""
    if code not in set(Code):
        raise RefusalError(Code.PATH_NOT_FOUND, f"No error has the code {code[:64]!r}.")
    return error_page(PROBLEM_TYPES[Code(code)])
