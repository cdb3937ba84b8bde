"""Other pages than metrics that a process serves on its metrics port: path → answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes
    content_type: str = "application/json"


Page = Callable[[str], Answer]
"""Given the path, without its query. Called in a thread of its own; who asks gives up after 5 s."""

Pages = Mapping[str, Page]
"""By path; each serves what is below its path as well."""


def page_of(pages: Pages, path: str) -> Page | None:
    """Who answers a path: the page with it, or with the nearest path above it."""
    while path and path not in pages:
        path = path.rpartition("/")[0]
    return pages.get(path)
