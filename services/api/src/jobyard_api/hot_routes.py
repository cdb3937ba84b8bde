"""The routes that carry the load: made and documented as all others, reached by a shorter way.

``HotRoute`` is a route class like any: it works in every router, and OpenAPI has all of it. What it
marks is answered by the ``HotLane`` (see ``middleware``), which leaves out what the framework does
around an endpoint, and hands over to the framework whatever is not as it should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi.routing import iter_route_contexts
from starlette.requests import Request

from jobyard_api.arguments import arguments_of
from jobyard_api.body import NOT_PLAIN, StrictRoute, is_json
from jobyard_api.plain_json import read_plain
from jobyard_api.problems import answer_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.types import Message, Scope

    from jobyard_api.arguments import Arguments
    from jobyard_api.json_size import Bounds

    Place: TypeAlias = tuple[str, str]


class HotRoute(StrictRoute):
    """A route of many requests. Where it takes a body and no parameters, it has a shortcut."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The short way to one endpoint."""

    route: HotRoute
    endpoint: Callable[..., Awaitable[Response]]
    arguments: Arguments

    def read(self, scope: Scope, messages: Sequence[Message]) -> dict[str, Any] | None:
        """The arguments that come with the request; None when it is for the framework."""
        headers = dict(scope["headers"])
        is_whole = messages[-1]["type"] == "http.request"
        if not is_whole or len(headers) < len(scope["headers"]) or not _is_plain(headers):
            return None
        body = b"".join(message["body"] for message in messages)
        bounds: Bounds = scope["app"].state.bounds
        value = read_plain(body, bounds)
        if value is None:
            scope[NOT_PLAIN] = True
            return None
        return self.arguments.given(headers, value)

    async def answer(self, scope: Scope, given: dict[str, Any]) -> Response:
        """The endpoint's response, or the problem that it or a dependency raises."""
        request = Request(scope)
        try:
            return await self.endpoint(**given, **await self.arguments.found(request))
        except Exception as error:  # noqa: BLE001 - what nobody expected is raised again
            return await answer_to(request, error)


def shortcuts_of(app: FastAPI) -> dict[Place, Shortcut]:
    """The shortcuts of an application's hot routes, by method and path."""
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, HotRoute) or route.leaves_entries:
            continue
        if arguments := arguments_of(context.dependant):
            shortcut = Shortcut(route, route.endpoint, arguments)
            found.update({(method, str(context.path)): shortcut for method in route.methods or ()})
    return found


def _is_plain(headers: dict[bytes, bytes]) -> bool:
    kind = headers.get(b"content-type", b"").decode("latin-1")
    return is_json(kind) and b"content-encoding" not in headers
