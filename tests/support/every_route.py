"""Every route that there is, walked from the application, so that tests meet new ones too."""

from __future__ import annotations

from typing import Any

from fastapi.routing import iter_route_contexts

from jobyard_api.access import GuardedRoute
from jobyard_api.application import create_app
from jobyard_api.settings import ApiSettings

BODIES = {"reschedule_job": {"delay_seconds": 60}}
"""What routes take that ask for a body, by operation."""


def contexts() -> list[Any]:
    """Every route of the application."""
    app = create_app(ApiSettings.load(_env_file=None))
    return list(iter_route_contexts(app.routes))


def routes() -> list[tuple[str, str, Any]]:
    """Method, path and route of each operation."""
    found = [
        (method, context.path, context.original_route)
        for context in contexts()
        if isinstance(context.original_route, GuardedRoute)
        for method in sorted(context.methods)
    ]
    return sorted(found, key=lambda row: row[:2])


ROUTES = routes()


def filled(path: str, values: dict[str, str]) -> str:
    """A path with the values of its parameters."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path
