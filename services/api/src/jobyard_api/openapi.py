"""The OpenAPI document, and the command that writes what is generated from the code.

``python -m jobyard_api.openapi docs`` writes ``openapi.json`` and ``errors/*.md`` into a folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from jobyard_api.problem_types import PROBLEM_TYPES, page_of
from jobyard_api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

SUMMARY = "Background jobs over REST: submit a job, watch it finish"
GENERATED = "<!-- Generated from jobyard_api/problem_types.py. Change it there. -->"

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


def generated_files() -> dict[str, str]:
    """Name and text of each generated file below ``docs``."""
    from jobyard_api.application import create_app  # noqa: PLC0415 - it imports this module
    from jobyard_api.settings import ApiSettings  # noqa: PLC0415

    settings = ApiSettings.load(_env_file=None)
    reference = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False)
    pages = {
        f"errors/{kind.code}.md": f"{GENERATED}\n\n{page_of(kind)}"
        for kind in PROBLEM_TYPES.values()
    }
    return {"openapi.json": f"{reference}\n", **pages}


def write(folder: Path) -> None:
    """Writes the generated files and removes pages of codes that are gone."""
    files = generated_files()
    (folder / "errors").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "errors").glob("*.md"):
        if f"errors/{stale.name}" not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


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


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
