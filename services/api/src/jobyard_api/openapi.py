"""The OpenAPI document that ``/openapi.json`` serves. Built once, from the routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from jobyard_api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

SUMMARY = "Background jobs over REST: submit a job, watch it finish"

_TAGS = [
    {"name": "jobs", "description": "Submit, read, list and cancel jobs"},
    {"name": "tasks", "description": "What can be run, with the schema of each payload"},
    {"name": "queues", "description": "How much waits, runs and has ended"},
    {"name": "workers", "description": "Who works"},
    {"name": "health", "description": "For probes"},
    {"name": "dashboard", "description": "What the page at /rq reads"},
    {"name": "classic", "description": "Routes of the systems that Jobyard grew from"},
]


def document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The function that makes the app's OpenAPI document, once."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _build(app)
        return app.openapi_schema

    return openapi


def _build(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=_TAGS
    )
    _drop_framework_errors(found)
    schemas = found["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    return found


def _drop_framework_errors(found: dict[str, Any]) -> None:
    """The framework documents its own 422 where a route did not name one; none can happen."""
    for operations in found["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
