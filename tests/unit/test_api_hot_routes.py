"""Hot routes: documented as all others, with a shortcut where only the framework is not needed."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from jobyard_api.access import public
from jobyard_api.application import create_app
from jobyard_api.hot_routes import HotRoute, shortcuts_of
from jobyard_api.settings import ApiSettings

Note = Annotated[str | None, Header(alias="X-Note")]


class Thing(BaseModel):
    """A body."""

    name: str


async def a_caller(request: Request) -> str:
    request.scope.setdefault("asked", []).append("a_caller")
    return request.headers.get("x-caller", "nobody")


def a_thread(request: Request) -> str:
    return request.method


async def a_size(size: Annotated[int, Query()] = 1) -> int:
    return size


ACaller = Annotated[str, Depends(a_caller)]


async def a_greeting(caller: ACaller, request: Request) -> str:
    request.scope["asked"].append("a_greeting")
    return f"hello {caller}"


async def quick(
    thing: Thing, caller: ACaller, greeting: Annotated[str, Depends(a_greeting)], note: Note = None
) -> None:
    """Take a thing."""


async def with_path(thing: Thing, key: Annotated[str, Path()]) -> None: ...
async def with_query(thing: Thing, size: Annotated[int, Depends(a_size)]) -> None: ...
async def with_thread(thing: Thing, method: Annotated[str, Depends(a_thread)]) -> None: ...
async def with_needed_header(thing: Thing, note: Annotated[str, Header()]) -> None: ...
async def with_two_bodies(thing: Thing, other: Thing) -> None: ...
async def without_body(caller: ACaller) -> None: ...
def in_a_thread(thing: Thing) -> None: ...


def app_with(route_class: type[APIRoute], endpoint: Any, **included: Any) -> FastAPI:
    inner, outer, app = APIRouter(route_class=route_class), APIRouter(prefix="/things"), FastAPI()
    inner.post("/{key}" if endpoint is with_path else "/all")(public(endpoint))
    outer.include_router(inner)
    app.include_router(outer, prefix="/v9", **included)
    return app


def test_the_route_class_leaves_the_documentation_as_it_is() -> None:
    hot, plain = app_with(HotRoute, quick), app_with(APIRoute, quick)

    assert hot.openapi() == plain.openapi()
    assert hot.openapi()["paths"]["/v9/things/all"]["post"]["summary"] == "Quick"


def test_an_included_route_has_its_shortcut_at_its_whole_path() -> None:
    assert set(shortcuts_of(app_with(HotRoute, quick))) == {("POST", "/v9/things/all")}


@pytest.mark.parametrize(
    "endpoint",
    [
        with_path, with_query, with_thread, with_needed_header, with_two_bodies, without_body,
        in_a_thread,
    ],
)  # fmt: skip
def test_what_only_the_framework_can_give_leaves_no_shortcut(endpoint: Any) -> None:
    assert shortcuts_of(app_with(HotRoute, endpoint)) == {}


def test_a_dependency_of_an_including_router_is_heeded() -> None:
    slow = app_with(HotRoute, quick, dependencies=[Depends(a_thread)])

    assert shortcuts_of(slow) == {}


def test_the_routes_that_carry_the_load_have_shortcuts() -> None:
    app = create_app(ApiSettings.load(_env_file=None))

    assert {("POST", "/v1/jobs"), ("POST", "/v1/jobs/batch")} <= set(shortcuts_of(app))


def test_dependencies_are_asked_once_each_and_given_to_each_other() -> None:
    [shortcut] = shortcuts_of(app_with(HotRoute, quick)).values()
    scope: dict[str, Any] = {"type": "http", "headers": [(b"x-caller", b"me")]}

    finding = shortcut.arguments.found(Request(scope))
    with pytest.raises(StopIteration) as found:
        finding.send(None)  # nothing in it waits

    assert found.value.value == {"caller": "me", "greeting": "hello me"}
    assert scope["asked"] == ["a_caller", "a_greeting"]
