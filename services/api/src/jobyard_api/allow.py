"""Which methods a path takes, over all routes: the framework names those of the first one only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Mount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute
    from starlette.types import Scope

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_READING = "GET, HEAD"


def methods_at(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """The value of ``Allow`` for the path of a request (RFC 9110, 10.2.1)."""
    # A mount that refused it had made itself the root.
    scope = {**scope, "root_path": scope.get("app_root_path", scope["root_path"])}
    if any(isinstance(route, Mount) and _matches(route, scope, "GET") for route in routes):
        return _READING  # static files
    found = [name for name in _METHODS if any(_matches(route, scope, name) for route in routes)]
    return ", ".join(found).replace("GET", _READING)


def _matches(route: BaseRoute, scope: Scope, method: str) -> bool:
    match, _ = route.matches({**scope, "method": method})
    return match is Match.FULL
