"""Compares answers of the API with what the OpenAPI document says of their operation."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/openapi.json"
PROBLEM = "application/problem+json"
BEFORE_ANY_ROUTE = {414, 431}
"""Answers to what is too long to look where it leads."""


def check_documented(reply: httpx.Response) -> None:
    """A hook of httpx's clients: an answer is one of those that its operation documents.

    Raises:
        AssertionError: It is not; says what is missing where.
    """
    operation = operation_of(reply.request.method, reply.request.url.path)
    if operation is None or reply.status_code in BEFORE_ANY_ROUTE:
        return
    asked = f"{reply.request.method} {reply.request.url.path[:200]}"
    found = operation["responses"].get(str(reply.status_code))
    assert found, f"{asked}: {reply.status_code} is not documented"
    if "content-type" not in reply.headers:
        assert "content" not in found, f"{asked}: has no content, which it should have"
        return
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    assert media_type in found.get("content", {}), f"{asked}: {media_type} is not documented"
    if media_type == PROBLEM and reply.request.method != "HEAD":
        reply.read()
        code = reply.json()["code"]
        assert f"`{code}`" in found["description"], f"{asked}: {code} is not documented"


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that answers a request; None where the document has none."""
    for pattern, methods in _paths():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = methods.get(method.lower())
            return found
    return None


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those without parameters first: they win over those with."""
    paths = json.loads(DOCUMENT.read_text("utf-8"))["paths"]
    ordered = sorted(paths, key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), paths[path]) for path in ordered]
