"""Which methods a path takes, for the ``Allow`` header that belongs to every 405 (RFC 9110)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Mount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute
    from starlette.types import Scope

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_OF_FILES = ("GET", "HEAD")


def allow_header(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """The methods of all routes at the path of a request: the framework names the first one's."""
    root = scope.get("app_root_path", scope["root_path"])  # a mount has put its own in its place
    asked = ({**scope, "root_path": root, "method": method} for method in _METHODS)
    return ", ".join(each["method"] for each in asked if _is_taken(routes, each))


def _is_taken(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    route = next((each for each in routes if each.matches(scope)[0] is Match.FULL), None)
    if isinstance(route, Mount):
        return scope["method"] in _OF_FILES
    return route is not None
