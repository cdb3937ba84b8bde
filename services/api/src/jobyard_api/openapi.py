"""The OpenAPI document that ``/openapi.json`` serves: the routes, and the tasks that there are."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from jobyard_api.access import GuardedRoute
from jobyard_api.problem_types import Code
from jobyard_api.problems import Problem, documented
from jobyard_api.request_shapes import add_task_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI

    from jobyard.store.records.catalogue import TaskRecord
    from jobyard_api.yard import Yard

SUMMARY = "Background jobs over REST: submit a job, watch it finish"

_DESCRIPTION = """\
Jobs are requests to run a task. A job that was acknowledged (201) is stored and runs to an end,
whatever process dies. Every error is a problem (RFC 9457) whose `type` leads to its page.

The form of a submission depends on its `task`: choose an example to get the one of that task."""

_TAGS = [
    {"name": "jobs", "description": "Submit, read, list and cancel jobs"},
    {"name": "events", "description": "Follow what happens, as server-sent events"},
    {"name": "tasks", "description": "What can be run, with the schema of each payload"},
    {"name": "queues", "description": "How much waits, runs and has ended"},
    {"name": "workers", "description": "Who works"},
    {"name": "access", "description": "API keys, quotas of tenants, and who changed what"},
    {"name": "operation", "description": "How much the services log"},
    {"name": "health", "description": "For probes"},
    {"name": "dashboard", "description": "What the page at /rq reads"},
    {"name": "classic", "description": "Routes of the systems that Jobyard grew from"},
]


def document(
    app: FastAPI, built_in: Callable[[], Sequence[TaskRecord]]
) -> Callable[[], dict[str, Any]]:
    """The function that makes the app's OpenAPI document, anew only when a task has changed.

    ``built_in`` tasks stand in it as long as the app does not run, so the committed one has them.
    """
    routes: dict[str, Any] = {}
    made_for = None

    def openapi() -> dict[str, Any]:
        nonlocal made_for
        yard: Yard | None = getattr(app.state, "yard", None)
        edition = yard.catalogue.edition if yard else -1
        if edition != made_for:
            routes.update(routes or _build(app))
            tasks = [task.record for task in yard.catalogue.tasks()] if yard else built_in()
            app.openapi_schema = _with_tasks(routes, tasks)
            made_for = edition
        return app.openapi_schema or {}

    return openapi


def _with_tasks(routes: dict[str, Any], tasks: Sequence[TaskRecord]) -> dict[str, Any]:
    found = copy.deepcopy(routes)
    add_task_shapes(found, tasks)
    return found


def _build(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        servers=[
            {"url": app.state.path_prefix or "/", "description": "Where this document comes from"}
        ],
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
    )
    _drop_framework_errors(found)
    _say_who_may(found, app)
    schemas = found["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    return found


_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "yd_…",
        "description": "An API key. `X-API-Key` takes it as well.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "jobyard_session",
        "description": "What /sign-in hands to a browser. A request that changes something repeats "
        "the cookie `jobyard_csrf` in the header `X-CSRF-Token`.",
    },
}


def _say_who_may(found: dict[str, Any], app: FastAPI) -> None:
    """The scopes of each operation, and the refusals that all of them have in common."""
    found["components"]["securitySchemes"] = _SCHEMES
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, GuardedRoute) or not route.include_in_schema:
            continue
        for method in context.methods or ():
            operation = found["paths"][context.path_format][method.lower()]
            scopes = sorted(map(str, route.need.scopes))
            operation["security"] = (
                [] if route.need.is_public else [{name: scopes} for name in _SCHEMES]
            )
            if not route.need.is_public:
                _add_refusals(operation["responses"])


def _add_refusals(responses: dict[str, Any]) -> None:
    common = documented(
        Code.UNAUTHENTICATED,
        Code.MISSING_SCOPE,
        Code.OPERATORS_ONLY,
        Code.CROSS_SITE_REQUEST,
        Code.QUOTA_EXHAUSTED,
    )
    for status, response in common.items():
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = response
        elif response["description"] not in known["description"]:
            known["description"] += f", or {response['description']}"


def _drop_framework_errors(found: dict[str, Any]) -> None:
    """The framework documents its own 422 where a route did not name one; none can happen."""
    for operations in found["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
