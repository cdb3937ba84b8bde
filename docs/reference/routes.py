"""The tables of the API's routes, from its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard_api.application import create_app
from jobyard_api.settings import ApiSettings
from reference.page import Page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = ("route", "what", "takes", "scope", "success")


def tables() -> str:
    """One table a tag."""
    document = create_app(ApiSettings.load(_env_file=None)).openapi()
    return "\n".join(
        f"## {tag['name'].capitalize()}\n\n{tag['description']}.\n\n"
        f"{table(_HEAD, rows_of(document['paths'], tag['name']))}"
        for tag in document["tags"]
    )


def rows_of(paths: dict[str, Any], tag: str) -> Iterator[tuple[str, ...]]:
    """The operations of one tag."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield (
                    f"`{method.upper()} {path}`",
                    " ".join(operation.get("description", operation["summary"]).split()),
                    ", ".join(_parameters(operation)),
                    ", ".join(_scopes(operation)),
                    ", ".join(code for code in operation["responses"] if code < "3"),
                )


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    """What is not a part of the path; the body's own fields are in the document."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            yield f"`{parameter['name']}`"
        elif parameter["in"] == "header":
            yield f"`{parameter['name'].title()}` (header)"
    if "requestBody" in operation:
        yield "a body"


def _scopes(operation: dict[str, Any]) -> list[str]:
    """What a key needs; none where anybody may come."""
    wanted: list[dict[str, list[str]]] = operation.get("security", [])
    return [f"`{scope}`" for each in wanted[:1] for scopes in each.values() for scope in scopes]


PAGE = Page("routes.md", "the OpenAPI document", tables)
